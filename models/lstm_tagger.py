"""A word tagger: embedding, bidirectional LSTM, linear layer.

The input is integers, each a row of the embedding, so its values must be below 1000. Note the
LSTM: one module with eight parameters and no children, which returns a tuple. Its output is twice
as wide as its hidden state because it is bidirectional.
"""

from torch import Tensor, nn

MODEL = "LSTMTagger"
EXAMPLE_INPUTS = ("tokens=4x12:int64:0..999",)


class LSTMTagger(nn.Module):
    """Scores every tag for every word of a sentence.

    Args:
        vocabulary: Number of different words; word 0 is padding.
        tags: Number of tags (17 are the universal parts of speech).
    """

    def __init__(self, vocabulary: int = 1000, tags: int = 17) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 32, padding_idx=0)
        self.lstm = nn.LSTM(32, 64, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(2 * 64, tags)

    def forward(self, tokens: Tensor) -> Tensor:
        """Score each word for each tag."""
        embedded = self.embedding(tokens)
        # The final states are not needed: every word gets its own tag.
        states, _ = self.lstm(embedded)
        scores: Tensor = self.head(self.dropout(states))
        return scores
