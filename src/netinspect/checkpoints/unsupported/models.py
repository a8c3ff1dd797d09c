"""Names of unsupported model formats, and how to read each.

Sources: the documentation of each library. In hints, FILE is replaced by the name of the file and FOLDER
by that of its folder.
"""

from __future__ import annotations

from netinspect.checkpoints.unsupported.format import UnreadFormat

MODELS: dict[str, UnreadFormat] = {
    # Runtimes for phones and small devices.
    "tflite": UnreadFormat(
        "a TensorFlow Lite (LiteRT) model",
        "ai_edge_litert.interpreter.Interpreter(model_path=...) loads it",
    ),
    "executorch": UnreadFormat(
        "an ExecuTorch program (.pte)",
        "executorch.runtime.Runtime.get().load_program(...) loads it; the weights are in the model that "
        "it was exported from",
    ),
    "executorch data": UnreadFormat(
        "an ExecuTorch data file (.ptd)", "it is loaded together with its .pte program by ExecuTorch"
    ),
    "coreml": UnreadFormat("a Core ML model", "coremltools.models.MLModel(...) loads it"),
    "coreml weights": UnreadFormat(
        "the weights of a Core ML package",
        "coremltools.models.MLModel(...) loads the package they are in",
    ),
    "coreml package": UnreadFormat(
        "a Core ML package (.mlpackage)", "coremltools.models.MLModel(...) loads the folder"
    ),
    "coreml compiled": UnreadFormat(
        "a compiled Core ML model (.mlmodelc)",
        "only Core ML on Apple's systems loads it: coremltools.models.CompiledMLModel(...)",
    ),
    "ncnn param": UnreadFormat(
        "an ncnn graph (.param)", "ncnn.Net().load_param(...) loads it; its weights are in the .bin file"
    ),
    "ncnn binary param": UnreadFormat(
        "an ncnn graph in binary form (.param.bin)", "ncnn.Net().load_param_bin(...) loads it"
    ),
    "ncnn weights": UnreadFormat(
        "ncnn weights (.bin)",
        "ncnn.Net().load_model(...) loads them after their .param file",
        is_certain=False,
    ),
    "mnn": UnreadFormat("an MNN model", "MNN.nn.load_module_from_file(file, inputs, outputs) loads it"),
    "rknn": UnreadFormat("an RKNN model of Rockchip", "rknnlite.api.RKNNLite().load_rknn(...) loads it"),
    "hailo": UnreadFormat("a Hailo model (.hef)", "hailo_platform.HEF(...) loads it"),
    "kmodel": UnreadFormat("an nncase model (.kmodel)", "nncase.Simulator().load_model(...) loads it"),
    "ascend": UnreadFormat("an Ascend offline model (.om)", "the Ascend runtime (ACL) loads it"),
    "mindspore lite": UnreadFormat(
        "a MindSpore Lite model (.ms)", "mindspore_lite.Model().build_from_file(...) loads it"
    ),
    "tnn": UnreadFormat(
        "a TNN graph (.tnnproto)", "TNN loads it; its weights are in the .tnnmodel file"
    ),
    # Servers and compilers.
    "ort": UnreadFormat(
        "an ONNX Runtime model (.ort)",
        "onnxruntime.InferenceSession(...) loads it; the ONNX model that it was made from can be read "
        "here",
    ),
    "tensorrt": UnreadFormat(
        "a TensorRT engine",
        "tensorrt.Runtime(logger).deserialize_cuda_engine(...) loads it, with the TensorRT version that "
        "built it",
    ),
    "openvino": UnreadFormat(
        "an OpenVINO model (IR)",
        "openvino.Core().read_model(...) loads it; its weights are in the .bin file next to it",
    ),
    "triton": UnreadFormat(
        "a model repository of the Triton server", "name the model file in one of its version folders"
    ),
    "triton config": UnreadFormat(
        "a model configuration of the Triton server", "the model is in a version folder next to it"
    ),
    "torchserve": UnreadFormat(
        "a TorchServe archive (.mar)", "torchserve serves it; unzip FILE, and name the weights in it"
    ),
    # TensorFlow, Keras and JAX.
    "saved model": UnreadFormat(
        "a TensorFlow SavedModel (saved_model.pb)",
        "tf.saved_model.load(...) loads its folder; the weights are in variables/",
    ),
    "saved model folder": UnreadFormat(
        "a TensorFlow SavedModel",
        "tf.saved_model.load(...) loads the folder; tf.train.list_variables('.../variables/variables') "
        "lists its weights",
    ),
    "graph def": UnreadFormat(
        "a TensorFlow graph (GraphDef, a frozen graph)",
        "tf.compat.v1.GraphDef.FromString(...) reads it",
    ),
    "tf index": UnreadFormat(
        "the index of a TensorFlow checkpoint",
        "tf.train.list_variables(...) lists it, given the name without .index",
    ),
    "tf data": UnreadFormat(
        "a data shard of a TensorFlow checkpoint",
        "tf.train.list_variables(...) lists the checkpoint, given the name without .data-...",
        is_certain=False,
    ),
    "tf folder": UnreadFormat(
        "a TensorFlow checkpoint",
        "tf.train.list_variables(...) lists it, given the name without .index",
    ),
    "tf state": UnreadFormat(
        "the text file in which TensorFlow notes its newest checkpoint",
        "tf.train.latest_checkpoint(FOLDER) returns the checkpoint that it names",
        is_model=False,
    ),
    "tf record": UnreadFormat(
        "a TFRecord file (training data or TensorBoard events)",
        "tf.data.TFRecordDataset(...) reads it; tensorboard shows events",
        is_model=False,
    ),
    "tfjs": UnreadFormat(
        "a TensorFlow.js model (model.json)",
        "tf.loadLayersModel or tf.loadGraphModel of TensorFlow.js loads it; tensorflowjs_converter "
        "converts it",
    ),
    "keras": UnreadFormat("a Keras model (.keras)", "keras.saving.load_model(...) loads it"),
    "keras json": UnreadFormat(
        "the architecture of a Keras model in JSON, without weights",
        "keras.models.model_from_json(...) builds it",
    ),
    "keras hdf5": UnreadFormat(
        "a Keras model or its weights in HDF5",
        "keras.saving.load_model(...) or model.load_weights(...) loads it; h5py.File(...) lists it",
    ),
    "hdf5": UnreadFormat("an HDF5 file", "h5py.File(...) lists what is in it"),
    "flax": UnreadFormat(
        "a Flax checkpoint (MessagePack)",
        "flax.serialization.msgpack_restore(bytes) reads it",
    ),
    "orbax": UnreadFormat(
        "an Orbax checkpoint", "orbax.checkpoint.PyTreeCheckpointer().metadata(...) lists it"
    ),
    "ocdbt": UnreadFormat(
        "a part of an Orbax checkpoint (OCDBT)", "orbax.checkpoint loads the folder that it is in"
    ),
    "mlir": UnreadFormat("MLIR bytecode (StableHLO)", "jax.export or stablehlo-translate reads it"),
    "zarr": UnreadFormat("a Zarr store", "zarr.open(...) lists what is in it"),
    "zarr metadata": UnreadFormat(
        "the metadata of a Zarr array", "zarr.open(...) opens the folder it is in"
    ),
    # Other frameworks.
    "tch-rs": UnreadFormat("tch-rs weights (Rust, .ot)", "tch or torch.jit.load reads them"),
    "mxnet": UnreadFormat("MXNet parameters (.params)", "mxnet.nd.load(...) loads them"),
    "mxnet symbol": UnreadFormat(
        "an MXNet graph (symbol.json)", "mxnet.symbol.load(...) loads it; its weights are in .params"
    ),
    "paddle program": UnreadFormat(
        "a PaddlePaddle program (.pdmodel)",
        "paddle.jit.load(...) loads it, given the name without its suffix; paddle2onnx converts it",
    ),
    "paddle json": UnreadFormat(
        "a PaddlePaddle program (PIR, .json)",
        "paddle.jit.load(...) loads it, given the name without its suffix; paddle2onnx converts it",
    ),
    "paddle weights": UnreadFormat(
        "PaddlePaddle weights for inference (.pdiparams)",
        "paddle.jit.load(...) loads them with their program, given the name without its suffix",
    ),
    "mindir": UnreadFormat("a MindSpore model (MindIR)", "mindspore.load(...) loads it"),
    "mindspore checkpoint": UnreadFormat(
        "a MindSpore checkpoint (.ckpt)", "mindspore.load_checkpoint(...) loads it"
    ),
    "caffe": UnreadFormat(
        "Caffe weights (.caffemodel)",
        "caffe.Net(prototxt, weights, caffe.TEST) loads them; cv2.dnn.readNetFromCaffe does too",
    ),
    "prototxt": UnreadFormat(
        "a Caffe network in text (.prototxt)", "caffe.Net(...) builds it; it holds no weights"
    ),
    "caffe2": UnreadFormat(
        "a Caffe2 network (.pb)", "caffe2 loads it, which old versions of PyTorch had"
    ),
    "onnx tensor": UnreadFormat(
        "one ONNX tensor (TensorProto), not a model",
        "onnx.numpy_helper.to_array(onnx.load_tensor(...)) reads it",
    ),
    "darknet": UnreadFormat(
        "Darknet weights",
        "cv2.dnn.readNetFromDarknet(cfg, weights) loads them with their .cfg file",
        is_certain=False,
    ),
    "darknet cfg": UnreadFormat(
        "a Darknet network in text (.cfg)", "cv2.dnn.readNetFromDarknet(cfg, weights) builds it"
    ),
    "torch7": UnreadFormat("a file of Lua Torch (.t7)", "torchfile.load(...) reads it"),
    "torch7 table": UnreadFormat(
        "a file of Lua Torch (.t7)", "torchfile.load(...) reads it", is_certain=False
    ),
    "cntk": UnreadFormat("a CNTK model", "cntk.Function.load(...) loads it"),
    "ggml": UnreadFormat(
        "a ggml file, the format before GGUF, which whisper.cpp still uses",
        "whisper.cpp loads one of Whisper; convert_llama_ggml_to_gguf.py of llama.cpp converts one of "
        "LLaMA",
    ),
    "ggml lora": UnreadFormat(
        "a LoRA adapter in ggml's format (ggla)", "llama.cpp before GGUF loads it"
    ),
    "llamafile": UnreadFormat(
        "a llamafile: a program with a GGUF model in it",
        "unzip FILE '*.gguf', and name the file that this makes",
    ),
    # Classical machine learning.
    "catboost": UnreadFormat("a CatBoost model", "catboost.CatBoost().load_model(...) loads it"),
    "catboost json": UnreadFormat(
        "a CatBoost model in JSON", "catboost.CatBoost().load_model(..., format='json') loads it"
    ),
    "lightgbm": UnreadFormat("a LightGBM model in text", "lightgbm.Booster(model_file=...) loads it"),
    "xgboost json": UnreadFormat("an XGBoost model in JSON", "xgboost.Booster(model_file=...) loads it"),
    "xgboost ubj": UnreadFormat(
        "an XGBoost model in UBJSON (.ubj)", "xgboost.Booster(model_file=...) loads it"
    ),
    "xgboost binary": UnreadFormat(
        "an XGBoost model in the old binary format",
        "xgboost.Booster(model_file=...) before 3.1 loads it, and save_model('model.ubj') converts it",
    ),
    "skops": UnreadFormat(
        "a scikit-learn model in a skops archive",
        "skops.io.get_untrusted_types(file=...) lists its types, skops.io.load(...) loads it",
    ),
    "libsvm": UnreadFormat("a LIBSVM or LIBLINEAR model in text", "svm_load_model of libsvm loads it"),
    "mojo": UnreadFormat("an H2O model (MOJO)", "h2o.import_mojo(...) loads it"),
    "pmml": UnreadFormat("a PMML model", "an engine for PMML loads it, such as pypmml.Model.load(...)"),
    "stable baselines": UnreadFormat(
        "an archive of Stable-Baselines3",
        "the load method of its algorithm loads it; unzip FILE policy.pth, and name that file",
    ),
    "nemo": UnreadFormat(
        "a NeMo archive",
        "restore_from of NeMo's class loads it; tar -xf FILE, and name the model_weights in it",
    ),
    "rds": UnreadFormat("an R object (.rds)", "readRDS in R, or pyreadr.read_r(...), reads it"),
    "rdata": UnreadFormat("R data (.RData)", "load in R, or pyreadr.read_r(...), reads it"),
    "matlab": UnreadFormat(
        "a MATLAB file", "scipy.io.loadmat(...) reads it, scipy.io.whosmat(...) lists it"
    ),
    "matlab 4": UnreadFormat(
        "a MATLAB 4 file",
        "scipy.io.loadmat(...) reads it, scipy.io.whosmat(...) lists it",
        is_certain=False,
    ),
    "matlab 7.3": UnreadFormat("a MATLAB 7.3 file, which is HDF5", "h5py.File(...) lists what is in it"),
    # Text models.
    "fasttext": UnreadFormat("a fastText model", "fasttext.load_model(...) loads it"),
    "word2vec": UnreadFormat(
        "word vectors in word2vec's binary format",
        "gensim.models.KeyedVectors.load_word2vec_format(..., binary=True) loads them",
        is_certain=False,
    ),
    "word2vec text": UnreadFormat(
        "word vectors in word2vec's text format",
        "gensim.models.KeyedVectors.load_word2vec_format(...) loads them",
        is_certain=False,
    ),
    "glove": UnreadFormat(
        "word vectors in GloVe's text format",
        "gensim.models.KeyedVectors.load_word2vec_format(..., no_header=True) loads them",
        is_certain=False,
    ),
    "sentencepiece": UnreadFormat(
        "a SentencePiece tokenizer, not weights",
        "sentencepiece.SentencePieceProcessor(model_file=...) loads it",
    ),
    "tokenizer json": UnreadFormat(
        "a tokenizer (tokenizer.json), not weights", "tokenizers.Tokenizer.from_file(...) loads it"
    ),
    "config json": UnreadFormat(
        "the configuration of a model, not its weights",
        "transformers:FOLDER or diffusers:FOLDER is the model of a folder with a config.json, without "
        "weights",
    ),
    "adapter json": UnreadFormat(
        "the configuration of an adapter (PEFT), not its weights",
        "name the adapter_model.safetensors next to it, or the folder",
    ),
    "index json": UnreadFormat(
        "an index of shards", "its name must end in .safetensors.index.json or .bin.index.json"
    ),
    "safetensors json": UnreadFormat(
        "the header of a safetensors file alone", "the weights are in the file that it was taken from"
    ),
    "notebook": UnreadFormat(
        "a Jupyter notebook", "jupyter nbconvert --to script FILE makes a .py file of it", is_model=False
    ),
}
