"""First bytes of small files, each made by the library that writes the format, for tests of recognition.

The files were written for these tests, with models of a few numbers; long ones are cut to what is read.
"""

from __future__ import annotations

import base64
import zlib
from typing import NamedTuple


class Written(NamedTuple):
    """The first bytes of a file by its real writer."""

    file: str
    writer: str
    key: str
    """In the catalog of formats."""

    packed: str

    def bytes(self) -> bytes:
        """Return the bytes of the file."""
        return zlib.decompress(base64.b85decode(self.packed))


WRITTEN = (
    Written(
        "nn.mlmodel",
        "coremltools 9.0",
        "coreml",
        "c-rG&6jI>g<6^9k;?!d2Vq_9H(7+M|<X0l`7s(5A334$e3ISCyR&L^B<z--Kum=F`@d+>",
    ),
    Written(
        "mlpackage_manifest.json",
        "coremltools 9.0",
        "coreml package",
        "c-pm*&1%Ci5QOi33Zrx6T9tp~UPB9k=2U3U@_JPZEX&9$J%qe_Z8=SvkU%fdMS_`+*;(zPcsfMs4qvP@(!Zk{we8"
        "7MOjwd8DOoKJ?a^#{WuJTRG>((L3qlY9kf%&Y%Co$t8Onmzwa91%Da)Wzz_>ai0wuqEYu%g#)+BNmI!xBq;r8_qd"
        "UQ58g42UP47Ql!t!=Q2-v$J&G{~S{fW0(06K1w1rVIC_X^_6XHpRm^b%gdOo~V-Xk^!f(XeyfVoKXRCdX<l?5V_*"
        "DDDKt#1NCR?$6KAhugf>v{`yZnqd#qlv(|^)O@qCkHjYby|9pM4kA47Nh@yP",
    ),
    Written(
        "model.tflite",
        "tensorflow 2.21.0",
        "tflite",
        "c-oU;U|<Mw^D!1-P+*W@kYEsD5MbZ|ig7To0ND&cF$RVnAbtYG8yFcF4gj$MGXnz<F#wrB)gZtH)&<hT1?2HS_1O"
        "S1KM)tE7L{e@rN^hFrX`l<lz{cI0P&pv|NjF3rEm|z",
    ),
    Written(
        "saved_model.pb",
        "tensorflow 2.21.0",
        "saved model",
        "c-rG&6uJ|@wU0-rkB7^Ji`6kDCCo^Ojf=5Di7^C3R|07%AYBEdm1Mbqf-EJK1*uj-TmnXXe8P-OEP`U<Y^=<j96}"
        "9@j1w3cx#GA49E*!H)APa-i!u|Fa#H;Zgm}0(ic*X7ON)|IB}9byxLC^)b4pW{SW`e|De-ba7!aeCq`3Hi(wQlVC"
        "8_bn8HphAr2PCGDJBhu4xsrKT&&LddBr7C{9J7Lr2qolEH(",
    ),
    Written(
        "frozen.pb",
        "tensorflow 2.21.0",
        "graph def",
        "c-rIA<6^83Vs*~XD=yLE=3-4LsVqnpVlrUV66InoOUx-v72<K?;$ReF&|+a=Xs}me=2#^R04TKzPy",
    ),
    Written(
        "frozen_variables.pb",
        "tensorflow 2.21.0",
        "graph def",
        "c-oDRJxc>Y5QcXz*?3F}VUlV^kQAbe7_qeRt4gCmBxR2EcHj=y+hcc6lFr}buk><7R19J>#W3@{&kN_kS2&zoom1"
        "hgA+Pp9ghJPZgR4F!X`+T8OkB5%<buN-4zw}TC(>r2eW_n8J=RlC!8JZ76!)$Q@yClg1o5VALpZ*}lw${-q>Q~^G"
        "sbSf0{$jqIx|$oGOp!cdFmLBvO<UKRacF+S?;Rnoy`o@RJDM-q=3l@S9`#pJO4B2wLBEJ#w;!+U&$TeU)M9}Ke*P"
        "Wn{u?=ar;jLIE8JcZ{;>JQY<(4ZR(_#evCc=Xk>C<",
    ),
    Written(
        "model.ckpt.index",
        "tensorflow 2.21.0",
        "tf index",
        "c-muNVB=tvV&Y(Akl~AW_HcFf4)FK%3vqPvagFzP@^W<!iFXfj4DjG!7h+Hl&{)f8dcNn_4+eGK;>5Dl_~iW3ypq"
        "%+eLcsJkRVT|&=A*P{V>NMPq6kdN1sqv4o;vx4h;@d#?pI^3^M%X_|!5Au?R77FacFZ+B`L700Kr3q3rcU5zaaAY"
        "2gM2M&=5J#f)$<ot*S(D;PPpGV(JJ1mV9Mx>ZWuZvy~M*)z2",
    ),
    Written(
        "checkpoint",
        "tensorflow 2.21.0",
        "tf state",
        "c-qU&Pf5**PtHh9&MwH$%qxj6NG!>)Qc%hTiR&6FaV6&D#OGpDRE(?&0KO_2f&",
    ),
    Written(
        "x.tfrecord",
        "tensorflow 2.21.0",
        "tf record",
        "c-muTfPf7%J^2!olJmkpDgpo;c?6*",
    ),
    Written(
        "model.weights.h5",
        "keras 3.15.1",
        "keras hdf5",
        "c-rlnF-yZh6vywS4Tho^K~PK8SQkMQ{Q_FC)ed5dIyhP|pr8e<N}XKmHxNI8qmvW|=Z=mY{Se|>o8EgNchw5DVj="
        "Ihyj<=jcf9-G<@&C-+4ROxEFKdcmL;OX7C{<_v#6G-{s1kYt)P7{=svXS#_|3LzF+s-+sR}+?}i4o^JYqG2_}qWG"
        "i!Oz?qiwsR5Mh+tHOE7vnPdX*SjKJrn+nwL`2cAjryG%Q1vhME56k)!}<;Cm)5b0sq0OW?@_zE+qpCd!(Y`a18O@"
        "YY$vYv%ZaFdSu7u!;T%8uZs~Ct#FYhvDMp*oD;7>&uRH<JdcyW&XesfG1%eG7zLWa+eCKzE_0>e@b!$JVu3MYyxh"
        ")XbQN4dnO77XETf8_foX9dQw<Lo@w^(umajFjUTxS@DVHk#C7=~e(e&eUS`_iPeoOcf=dft-qh^e^hM|mJWU--wm"
        "v}ahCtjl&?))T59od@+wmolFYzV05ie7c^8WxAW+wRv@1nQ+f<I>)Fws^1dYWueZ)RFCF&U7O$KDV*mHk5MP+TuP"
        "5ux94SM;A3y#^AK<VF(<77zEALZy&P#O%DWzMrbV=M#}Q+e7`yS?vs(3rAzx^r0wYkH{d(t7{?~Ya+^?*@KR>;&@"
        ")(9;7$!W>|Ga2dQcZUDr{7if0>>^$`@T}{`v5@MKmL9n`HK6<sMdo@U&Z4Sn|G~?",
    ),
    Written(
        "model.pte",
        "executorch 1.5.1",
        "executorch",
        "c-pgJU|?_!F*HieFfdR6vR|+;KmaR*;$T1k0R{;mDFUQ<fZ{Ab8pLB@FaTm7B;4@t|9_A%ObploBM|d|%@$w)0F*Qc!T",
    ),
    Written(
        "model.ort",
        "onnxruntime 1.32.0",
        "ort",
        "c-oU-U|{eM3h@O}3_J`1K+FMTu>ffXFzx{292N$Kw!i=X11SbZuq*?^9w1);$_9yv05M3XRZwb9sg<D#$h-$YH2_Ny5M2",
    ),
    Written(
        "tensor.pb",
        "onnx 1.23.2",
        "onnx tensor",
        "c-rG&7GQK@EcfDJU}&(1VE`Wg18M",
    ),
    Written(
        "model.xml",
        "openvino 2026.4.1",
        "openvino",
        "c-pm7(Qd*Z6n)mOAiP%!y16A--%L!FX-u})hOF1ESqlx&#s2+(wpQm%eAu2iz&+=la|3*NC=2uj+T=<uFrCDBnT)"
        "vvi=-%Fft8epbfuNFAhUG6!zaZQC*u(>MB`2z>LALq1&(pYKVW2=%7LxW?!baRQBaiu8&n)Q6ILMeA$&2z2nr}c+"
        "O%cwr|yWfg{rnyZ37<hN@?47tTepkt@3K?3EqP79@=8pBQF!iiC<be@%&bn47!|zBtJ6IK2y_Y+QHMywK%!F&E!q"
        "i2C*yY>Gkx@-=t^9^u*-yGxgLo9wuSx!d}h-wX*5Cmwy`0V7x>ARdUGQp?#hnp}kgR6mCPuu=QeLXH|bi!{&HFei"
        "xu;0`ydXT?%m0d*N<&x!kLu>OnW#O$G9G{k%cDTH3q>H&9X3{zJs<elnZTh_S~976GGEL1%MzH;=UYDZ+puzJ|>D"
        "R>uyUxZj+NzX5XU9e)",
    ),
    Written(
        "model.params",
        "mxnet 1.9.1",
        "mxnet",
        "c-j+UWIzEh?#W-1e}ZTxC<Xy$G&K;=V2=&M)UZP7#G-Voasaog3D*",
    ),
    Written(
        "model-symbol.json",
        "mxnet 1.9.1",
        "mxnet symbol",
        "c-pm+&kDjY494$1Md-PQZF<qG;7g2A>KeC#Ye(1lhp~4zot^Hc2to<zm*mS2+F=F2j8)jN9prQY7^X<FZAoLMKc5"
        "+gSv0c2AS>zRLe{43{p3+h(iltMnVm?!m)008J*q@pQCGEJG)nJXa39E_5w%tdO&HAB_%DW|mffES4q?@PUiF#fc"
        "Z@vY5Kh4%Pv2=4(@06Nn5LO@m3aLIYN44dmVzvty^7YmMU}&v!zT9BDAjZCdfpIyU)asfpcfZ(owk8IC))7RX|he"
        "yVqA?6$Ty~x",
    ),
    Written(
        "inference.pdmodel",
        "paddlepaddle 3.3.1",
        "paddle program",
        "c-rH-uEN0}@E-;kr9`<{GxG{cON4kh*rhnQ*f>}P7zLQ5WVm>8GV@Xsi{cIRlHv`7xPY>3Tr4122}UU;E<U(yNp1"
        "m9o)0L`1=Y<cz#zeZp~eu48aX6e%7LcvZ~y?_yCW9",
    ),
    Written(
        "inference.json",
        "paddlepaddle 3.3.1",
        "paddle json",
        "c-oauu?oU46#SPHw}+(FDVylvqzHn8NJ(of!L}){Rfp1l_oadkiXd5Xckk}q>yVnpCYe83=nkdHT?UQXF$gUiSDC"
        "aBspYFB+$=ZFSJ1PbP_xh3l)=U}7rKEybQp>Ki4!FmY2mZWTN&UW7|sKIB>4KR*P_e?DT?HwaFsQjs7Wdw8C}kwm"
        "QC0?hL(}tF8qU6P1@wt+N$xP{PL9<`13SIPlrgn>&0phk`#69<%~^;j7S!WwjJ_&`d#M!y-fUPnV3H7JOF;`Z`%",
    ),
    Written(
        "inference.pdiparams",
        "paddlepaddle 3.3.1",
        "paddle weights",
        "c-muNKm{y7%)u(a$bbc~LFAYO82hU??)Oj&umb=Zd;`w",
    ),
    Written(
        "model.mindir",
        "mindspore 2.10.0",
        "mindir",
        "c-rG)Hq<i|;`GhTO9?K>FG|&7Gtx6O&@-^=73VS#;tos9DNXguPf3lpltShxaX9Da6_+IDm1uEsv6g`(8W_d7nwh"
        "xF3=QKA<8y)L6@$zJ0N>Lah5",
    ),
    Written(
        "mindspore.ckpt",
        "mindspore 2.10.0",
        "mindspore checkpoint",
        "c-rGq<YFsN%}mcI5fbNM<X{qFcgx97EHO5c;$Z&Xv$sv4!;VXmizO*Du~<lugApOk^6-m*9RSc;59R",
    ),
    Written(
        "model.mnn",
        "MNN 3.6.1",
        "mnn",
        "c-l=*yAFat5ZpsvAr^#SLSaD+g$?8sf#U=0Ep0iVv#`{^ckY3?N#>RtcIReGB05q<G3uUD$|<0b3TP3O5>;VG4@M"
        "-w7j92bkbw_YU@zLSotL@h{My$yF|G9|Cs_~c&@G)5E$>Iw?}4eEgB^Ws{n+a2s`m{R`lSq6Vq`NZ3*^hR-ZE}8<"
        "e=K)ZavuFD}?UjG+?wL)86W@aos!*?CkiRoEeifLARQT@MRD??|E8Dw5B#n>|TLN+w{%F_DS#utCkau",
    ),
    Written(
        "flax_model.msgpack",
        "flax 0.12.8",
        "flax",
        "c-m`RR*+bfm|NVqG$l2!IJIe6c4|>xYR+*v#>tbIn3kvI<R_LG8yyi~U}&&M#!Hei6N`_FGESa|P{hFi1ps2&8@~",
    ),
    Written(
        "flax_step.msgpack",
        "flax 0.12.8",
        "flax",
        "c-m`PQe2W+z`U#=u_!UOxN%|jaXH4xlbD#6r{&})mKYly5ny0wut&xK?a&aO",
    ),
    Written(
        "manifest.ocdbt",
        "orbax-checkpoint 0.12.8",
        "ocdbt",
        "c-rH+ZKYMn00oR1TlN1cgl%MEaL%8p*gI<$zsLU1myhL(Ml&>UG#t9F&%y{+ro@n<Z<d&vYG|5jU}0fyY;2I4m~3"
        "c~XliVjn3QOgm}Z)4%m`9?ijnCQBZKn)_%_}3ZzLEFRBuTK01m++4*",
    ),
    Written(
        "zarr.json",
        "zarr 3.1.6",
        "zarr metadata",
        "c-oDUL2kn!5JmSng~i%xqk5OCRF*X{gN=+Kf+3O<`R*NXLYlT}>jf77&-{nSTz6F^!U!i6hw7a-Rn_p?)=8H@(9x"
        "1Tp^O7+-b8l#G1{pcyq0WTbDOX*=R%J|G~jb#Ds@)rA$lO~Y^g38&+I!tJ#Bukysn>^6D}Rv-brnT?`(+*qM<+80"
        "Z+iH^Qq}od?6`qOm_woQ|A6<zu}$4K9rM|s5|<&5QZE07c^UFrG}&lqlpZPo3(DosDIAC1d{)XH+V*q4qiXBe#Cw"
        "Xab{V83HVGbKOBg>KF0JR9JvkS0^WDZ`5B1CCTo^wQ7#7iux!^N@I+x?%YzN62YsGcyIVg1h#;cn",
    ),
    Written(
        "fasttext.bin",
        "fasttext-wheel 0.9.2",
        "fasttext",
        "c-q?~=C9Agz`(!+#H>)vh(t3XVP+s^1L71Q)^(P7{m4wp9sq0D1jz",
    ),
    Written(
        "word2vec.bin",
        "gensim 4.4.0",
        "word2vec",
        "c-k{kFy_k6%u82TeBI1$;X5_^+?ft`g{7&fc?!Pvp7z};JMH}P`s@G}%?>{",
    ),
    Written(
        "word2vec.txt",
        "gensim 4.4.0",
        "word2vec text",
        "c-j@nOA3H63<bb_Ptg-dKIY~1Kt+mBaN+%pyJ4(*yVt(D9GZ;4KoMb*%s)wCShnY#b5|sxW_lJK3c>KAC6(dr1GqyF+W",
    ),
    Written(
        "spm.model",
        "sentencepiece 0.2.3",
        "sentencepiece",
        "c-rIQ<6^Zb&C9kEWdH&RCN3T>W}9LtkC}^?i^WDC!R6v&el)F7l;IWQ0WJ<M#vIWJGX%h_e9=izR;H-EiZYm0Eb5"
        "@53;@QU5a<",
    ),
    Written(
        "tokenizer.json",
        "tokenizers 0.23.3",
        "tokenizer json",
        "c-m#q!D_=W3<ltPpCaTu#&+Ftu>0<%7{``_sUro+Zr7E(`{bmIx;^^)B_#Q}>$?5~ERnGP==%59xBjJC=7P@Vjj^"
        "P(>TJD_INp;Ac$4V}DC+yesz^N96n}x6c80C;DIm#aW^y1xP2$0kZ;K~|q;S<o-Sjd;UH$X>YhArIG0jx+U6W$L<"
        "2JlyN0=iPy~;=#&ct39fe?S%GC*%Am^GIYp7KxxjE+zZHVNE#xMVO2X|V1wi=+M$m<f0UdB{%W>`-r9Zt!2VKPW7"
        "_<qrYRg{1",
    ),
    Written(
        "model.cbm",
        "catboost 1.2.10",
        "catboost",
        "c-nJz@->_x$-p4O00UeM0t_q+91J`_76XG05PL{407V!W*nzl5jDg{RC<8-;AOk~!5Ca1MpsED!",
    ),
    Written(
        "lightgbm.txt",
        "lightgbm 4.7.0",
        "lightgbm",
        "c-lS8OAdlC5C-6VPvHqj%kVVm%44{g6c|iRA7)wz$5)JX_a*-$Gm+SdlZ`>|jR>2^*_o8I`Z|Add=aC~#3r9DC7h"
        "Yap$!WiS_*FtT*>5(3GH%d5OI3aob67U>A{rFb5Sb6cuM*f-R1+z%MYrcE`a~ShBYRAmzAt#tp*sowjH7Ey9TbZ8"
        "ixUTcmwWbMP>",
    ),
    Written(
        "xgboost.json",
        "xgboost 3.2.0",
        "xgboost json",
        "c-mEt-3r1m3`XB2*W1__{_WnU7*aADXJKteo1rp%cblq+cli#<$+yBp7#s!YRzT)phJ`7n^eo^)$V(vQ&<g5LKg5"
        "sui^hQ3kYhD?ANg&vUehGQ8ChgN?))!^G}?6ZaYP@Ov@-fGIlUeS4n!(@)QkbGSlnWBn5IN!0Xk@)$XsH~Ih~u-1"
        "KD_|jMFoxPJLZ8=~1>Cckx0#SvssRU?g=TGhTD4wmQ`NP2C*JLs2%>w%ye);lyU}",
    ),
    Written(
        "xgboost.ubj",
        "xgboost 3.2.0",
        "xgboost ubj",
        "c-pJ>VSoVkoYcgkywsv<m;hH|Nl8&=QfWzQadj<BkT)$gv81#pH9jvfH?=rg879tvp`fI)0Hy!{a6T68",
    ),
    Written(
        "xgboost.model",
        "xgboost 1.7.6",
        "xgboost binary",
        "c-l+K%u8cnV6bOlfB;4$njK2R#Aprpp>$GaUSd(DRZf0-W^qYoG8<GlJ*lK9H5G@00M%Fun*",
    ),
    Written(
        "a.arrow",
        "pyarrow 26.0.1",
        "arrow",
        "c-nIe3i1y(WMKFY1QiSn3<3-wz{SABz{bGJzyV|d0V4~L&j93c07(`o2^0om0BW2DrT",
    ),
    Written(
        "a.arrows",
        "pyarrow 26.0.1",
        "arrow stream",
        "c-nPN%L#x`49nA}KBNZ^A|4#YgR8iOBe-=<OGOb3^pn!2QB^$v3^4Q%v}jP+5h;^{tT5-u95Y70898gw`PL8`sj|"
        "AnE@FRo9bt5?W8;m9@AV8lgJ22=;;N`KX1~4BlZ(4Ck85~Ocu?UV<<+Op9bVjgS-k-I`Va~",
    ),
    Written(
        "a.feather",
        "pyarrow 26.0.1",
        "feather",
        "c-nJwbu?rE0!9W15P{M>3=&`x03gNzLj",
    ),
    Written(
        "a.parquet",
        "pyarrow 26.0.1",
        "parquet",
        "c-jka3^EjD5fu;>@eySbWe{Ru;E-WtfB;bjQ6W(=9iX^?D4Qsoj06Wv2EhUVq0|G8",
    ),
    Written(
        "a.zst",
        "pyarrow 26.0.1",
        "zstd",
        "c-qt0s{fb4Bb9+cBO^5@C!dj_XJrN>07|q5k^",
    ),
    Written(
        "a.lz4",
        "pyarrow 26.0.1",
        "lz4",
        "c-mu8@|AFKIKa=qz!0C2nv;{y%HSRVW&lMP0Bo8D{r",
    ),
    Written(
        "a.mat",
        "scipy 1.17.1",
        "matlab",
        "c-r%I4DoSvQZUssQ1EpO(M`+DNmU5QNi0drFUqx2D9A6)tk6+#E=o--Nlj76&$CkS&CgTt%P&(fHc&7yv@$WWGBH"
        ";$GB7e@AOkRZ`tkuO2OwqxVh$(`0<2IzBM>uzX-0-}Ak7KH0&oL9*u!W59N-x$",
    ),
    Written(
        "v4.mat",
        "scipy 1.17.1",
        "matlab 4",
        "c-muNU|?VbVkQO%0MX@8_6K_y4FDFz0^0",
    ),
    Written(
        "a.rds",
        "pyreadr 0.5.8",
        "gzip",
        "c-jGf0D%7=iwFpp)C_9^|6wk2WOD$E;9_84U}9imW&mRbW?>+~2*i9K+WrFr6tFOX#aS3Qfi!1IVo737Vp3`jkRy"
        "O3fv%7>FEKZ@7)=plBAP0$vcw`iuyMtN%uCKmEJjzv1#*pES`pAHbaxizm+N75f+3Lj2LSz&DAoJ`008o)G0^",
    ),
    Written(
        "plain.rds",
        "pyreadr 0.5.8",
        "rds",
        "c-o8LVqjokVqjus0AmJbVIaW>#C#yy{sRLPurPteSr|BhG-pa;Nn%c7QfdwZ0AP9rdj",
    ),
    Written(
        "a.RData",
        "pyreadr 0.5.8",
        "rdata",
        "c-jkci7?`d;9_84U}9imW&mRb7A7FU$iTwD38dLm5=#<`Q%e{an1vY_0B3jvum",
    ),
)
