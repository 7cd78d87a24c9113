"""Small random networks of layers: convolutions with strides, pads and residuals, depthwise ones, pools."""

import numpy as np
from aic.backends.npu.layer import (
    Depthwise,
    Layer,
    Matrix,
    Network,
    Pool,
    Post,
    Residual,
    Tensor,
    View,
    Weights,
)

ZERO = -3


class Maker:
    """Appends layers of random sizes to a network."""

    def __init__(self, seed: int, images: int = 1, rows: int = 20, columns: int = 12, channels: int = 8):
        self.rng = np.random.default_rng(seed)
        self.layers: list[Layer] = []
        self.input = Tensor("x", images, rows, columns, channels, zero=ZERO)

    def out(self, rows: int, columns: int, channels: int) -> View:
        return View.whole(Tensor(f"t{len(self.layers)}", self.input.images, rows, columns, channels, zero=ZERO))

    def weights(self, *shape: int) -> Weights:
        values = self.rng.integers(-60, 60, shape).astype(np.int8)
        return Weights(f"w{len(self.layers)}", shape, lambda: values)

    def post(self, channels: int, depth: int, residual: Tensor | None) -> Post:
        bias = self.rng.integers(-500, 500, channels).astype(np.int32)
        rest = None if residual is None else Residual(View.whole(residual), (0.7, 0.6, -3.0), zero=ZERO, middle=2)
        scale = np.full(channels, 1 / (60 * depth**0.5), np.float32)
        return Post(bias, scale, zero=ZERO, low=ZERO, residual=rest)

    def window(self, x: Tensor) -> tuple[dict[str, tuple[int, ...]], int, int]:
        """A kernel, stride and pads, and the rows and columns that they give."""
        ky, kx = (int(self.rng.integers(1, 1 + min(3, n))) for n in (x.rows, x.columns))
        sy, sx = (int(self.rng.integers(1, 3)) for _ in range(2))
        pads = tuple(int(self.rng.integers(0, k)) for k in (ky, kx, ky, kx))
        rows, columns = (x.rows + pads[0] + pads[2] - ky) // sy + 1, (x.columns + pads[1] + pads[3] - kx) // sx + 1
        return {"kernel": (ky, kx), "stride": (sy, sx), "pads": pads}, rows, columns

    def conv(self, x: Tensor, channels: int, residual: Tensor | None = None) -> Tensor:
        if residual is None:
            window, rows, columns = self.window(x)
        else:
            window, rows, columns, channels = {"kernel": (1, 1)}, residual.rows, residual.columns, residual.channels
        out, (ky, kx) = self.out(rows, columns, channels), window["kernel"]
        weights, post = self.weights(ky, kx, x.channels, channels), self.post(channels, ky * kx * x.channels, residual)
        self.layers.append(Matrix(name=out.tensor.name, out=out, x=View.whole(x), weights=weights, post=post, **window))
        return out.tensor

    def depthwise(self, x: Tensor) -> Tensor:
        window, rows, columns = self.window(x)
        out, kernel = self.out(rows, columns, x.channels), window["kernel"]
        weights, post = self.weights(*kernel, x.channels), self.post(x.channels, kernel[0] * kernel[1], None)
        self.layers.append(
            Depthwise(name=out.tensor.name, out=out, x=View.whole(x), weights=weights, post=post, **window)
        )
        return out.tensor

    def pool(self, x: Tensor) -> Tensor:
        window, rows, columns = self.window(x)
        out = self.out(rows, columns, x.channels)
        self.layers.append(
            Pool(name=out.tensor.name, out=out, x=View.whole(x), mode="max", zeros=(ZERO, ZERO), **window)
        )
        return out.tensor


def random_network(seed: int) -> Network:
    """Up to eight layers, one after another, some with what an earlier one made as residual."""
    rng = np.random.default_rng(seed)
    sizes = (rng.integers(1, 4), rng.integers(6, 30), rng.integers(4, 20), rng.integers(1, 50))
    maker = Maker(seed, *map(int, sizes))
    made = [maker.input]
    for _ in range(int(rng.integers(1, 9))):
        x = made[-1]
        kind = rng.choice(["conv", "residual", "depthwise", "pool"])
        alike = [t for t in made if (t.rows, t.columns) == (x.rows, x.columns)]
        if kind == "residual":
            made.append(maker.conv(x, 0, alike[int(rng.integers(len(alike)))]))
        elif kind == "conv":
            made.append(maker.conv(x, int(rng.integers(1, 70))))
        else:
            made.append(getattr(maker, str(kind))(x))
    return Network(maker.layers, [maker.input], [made[-1]])
