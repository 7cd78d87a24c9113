"""Trains the demo's network and writes digits.onnx and digits.npz beside itself.

    python tools/_demo/train.py        needs torch, onnxscript and scikit-learn; about a minute

The data is the UCI set of handwritten digits (Alpaydin & Kaynak, 1998) as scikit-learn ships it: 1797 images of 8x8
pixels with values 0 to 16. The last 360, by other writers than the first, are held out and go into digits.npz.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from sklearn.datasets import load_digits
from torch import nn

HERE = Path(__file__).parent
HELD_OUT = 360


class Digits(nn.Module):
    """Two convolutions with a residual, a depthwise one, pooling, two dense layers: a bit of everything."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16))
        self.depthwise = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.ReLU6())
        self.wider = nn.Conv2d(16, 32, 1)
        self.dense = nn.Sequential(nn.Flatten(), nn.Linear(512, 24), nn.GELU(), nn.Linear(24, 10), nn.Softmax(-1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.first(image)
        x = torch.relu(self.second(x) + x)
        x = nn.functional.max_pool2d(self.wider(self.depthwise(x)), 2)
        return self.dense(x)


def main() -> None:
    torch.manual_seed(0)
    data = load_digits()
    images = torch.tensor(data.images[:, None] / 16.0, dtype=torch.float32)
    labels = torch.tensor(data.target)
    train_x, train_y = images[:-HELD_OUT], labels[:-HELD_OUT]
    model = Digits()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    for _ in range(60):
        order = torch.randperm(len(train_x))
        for batch in order.split(64):
            optimizer.zero_grad()
            loss = nn.functional.nll_loss(torch.log(model(train_x[batch]) + 1e-9), train_y[batch])
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = (model(images[-HELD_OUT:]).argmax(-1) == labels[-HELD_OUT:]).float().mean()
    print(f"held-out accuracy {right:.4f}")
    path = HERE / "digits.onnx"
    torch.onnx.export(
        model, (images[:1],), str(path), opset_version=17, dynamo=False,
        input_names=["image"], output_names=["probabilities"],
        dynamic_axes={"image": {0: "N"}, "probabilities": {0: "N"}},
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(path))
    pixels = (images[-HELD_OUT:] * 16).to(torch.uint8).numpy()
    np.savez_compressed(HERE / "digits.npz", images=pixels, labels=labels[-HELD_OUT:].to(torch.uint8).numpy())


if __name__ == "__main__":
    main()
