"""A convolutional autoencoder that returns a tuple.

The encoder compresses an image to 16 numbers, and the decoder reconstructs it from them; both
results are returned, so the output is two tensors. Note the smallest output in the trace, and how
the transposed convolutions have the shapes of the convolutions in reverse order.
"""

from torch import Tensor, nn

MODEL = "Autoencoder"
EXAMPLE_INPUTS = ("x=8x1x28x28",)


class Autoencoder(nn.Module):
    """Compresses a gray 28x28 image to a short code and reconstructs it.

    Args:
        code_size: Length of the code of an image.
    """

    def __init__(self, code_size: int = 16) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * 7 * 7, code_size),
        )
        # A stride of 2 maps both 13 and 14 to 7; output_padding selects 14.
        self.decoder = nn.Sequential(
            nn.Linear(code_size, 16 * 7 * 7),
            nn.Unflatten(1, (16, 7, 7)),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the reconstructed images and their codes."""
        code = self.encoder(x)
        rebuilt = self.decoder(code)
        return rebuilt, code
