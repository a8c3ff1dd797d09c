"""Two named inputs, image and words, and a dict of two outputs.

The inputs are a photo and its title; the outputs are a category and a price by name. Note how
``torch.cat`` joins the two branches, and that the inputs differ in shape and dtype: only their
batch size must agree.
"""

import torch
from torch import Tensor, nn

MODEL = "TwoInputs"
EXAMPLE_INPUTS = ("image=4x3x32x32", "title=4x8:int64:0..499")


class TwoInputs(nn.Module):
    """Predicts category and price of a product from its photo and its title.

    Args:
        vocabulary: Number of different words in titles.
        categories: Number of categories.
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
        # A bag averages the words of a title, in which their order means little.
        self.title_branch = nn.EmbeddingBag(vocabulary, 16, mode="mean")
        self.joint = nn.Sequential(nn.Linear(32 + 16, 64), nn.ReLU())
        self.category_head = nn.Linear(64, categories)
        self.price_head = nn.Linear(64, 1)

    def forward(self, image: Tensor, title: Tensor) -> dict[str, Tensor]:
        """Score the categories and estimate the price of each product."""
        seen = self.image_branch(image)
        read = self.title_branch(title)
        both = self.joint(torch.cat([seen, read], dim=1))
        return {"category": self.category_head(both), "price": self.price_head(both)}
