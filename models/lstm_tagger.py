"""A word tagger: embedding, bidirectional LSTM, linear layer.

The input is integers, each the row of an embedding table, so its values must stay below 1000. Look
at the LSTM: one module with eight parameters and no children, returning a tuple, whose output is
twice as wide as its hidden state because it reads the sentence both ways.
"""

from torch import Tensor, nn

MODEL = "LSTMTagger"
EXAMPLE_INPUTS = ("tokens=4x12:int64:0..999",)


class LSTMTagger(nn.Module):
    """Gives every word of a sentence a score for every tag.

    Args:
        vocabulary: How many different words there are; word 0 is padding.
        tags: How many tags a word may have (17 are the universal parts of speech).
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
        # The states after the last word are of no use here: every word gets its own tag.
        states, _ = self.lstm(embedded)
        scores: Tensor = self.head(self.dropout(states))
        return scores
