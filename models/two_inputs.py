"""Two named inputs, image and words, and a dict of two outputs.

A photo and its title go in together; a category and a price come out by name. Look at how the two
branches meet in ``torch.cat``, and at the inputs: they differ in shape and dtype, and only the
batch size must agree.
"""

import torch
from torch import Tensor, nn

MODEL = "TwoInputs"
EXAMPLE_INPUTS = ("image=4x3x32x32", "title=4x8:int64:0..499")


class TwoInputs(nn.Module):
    """Guesses category and price of a thing from its photo and its title.

    Args:
        vocabulary: How many different words a title may have.
        categories: How many categories there are.
    """

    def __init__(self, vocabulary: int = 500, categories: int = 10) -> None:
        super().__init__()
        self.image_branch = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        # A bag averages the words of a title: enough for a title, where order says little.
        self.title_branch = nn.EmbeddingBag(vocabulary, 16, mode="mean")
        self.joint = nn.Sequential(nn.Linear(32 + 16, 64), nn.ReLU())
        self.category_head = nn.Linear(64, categories)
        self.price_head = nn.Linear(64, 1)

    def forward(self, image: Tensor, title: Tensor) -> dict[str, Tensor]:
        """Score the categories and estimate the price of each thing."""
        seen = self.image_branch(image)
        read = self.title_branch(title)
        both = self.joint(torch.cat([seen, read], dim=1))
        return {"category": self.category_head(both), "price": self.price_head(both)}
