"""The discrete Fourier transform, its fast algorithm, and what deep learning builds on them.

Symbols: x a signal of N samples, X its transform, k a frequency in cycles per N samples, ω = e^(−2πi/N). The last axis
is time. No factor stands before the forward transform and 1/N before the inverse, as in numpy.fft and torch.fft.
"""

from typing import Any

import numpy as np
from jaxtyping import Complex, Float, Num

Signal = Num[np.ndarray, "*batch time"]
Spectrum = Complex[np.ndarray, "*batch frequencies"]


def dft(x: Signal) -> Spectrum:
    """Project the signal on every frequency: X[k] = Σₙ x[n] e^(−2πi k n / N), by the definition, in N² products.

    Raises:
        ValueError: x has no samples.

    Source: Oppenheim, Schafer 2010, Discrete-Time Signal Processing, 3rd edition, chapter 8.
    Oracle: numpy.fft.fft.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.fourier_transform import dft
        >>> np.abs(dft(np.cos(2 * np.pi * 2 * np.arange(8) / 8))).round(6)
        array([0., 0., 4., 0., 0., 0., 4., 0.])
    """
    n = np.arange(_length(x))
    # k n mod N before the exponential: a large phase would lose digits.
    return np.asarray(x) @ np.exp(-2j * np.pi * (np.outer(n, n) % len(n)) / len(n))


def idft(X: Spectrum) -> Spectrum:
    """Rebuild the signal from its frequencies: x[n] = Σₖ X[k] e^(2πi k n / N) / N.

    Raises:
        ValueError: X has no entries.

    Source: Oppenheim, Schafer 2010, Discrete-Time Signal Processing, 3rd edition, chapter 8.
    Oracle: numpy.fft.ifft.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.fourier_transform import dft, idft
        >>> idft(dft(np.array([1.0, 2.0, 5.0]))).real.round(6)
        array([1., 2., 5.])
    """
    return np.conj(dft(np.conj(X))) / _length(X)


def fft(x: Signal) -> Spectrum:
    """Compute the DFT in about N log₂N steps: X[k] = E[k] + ωᵏ O[k] and X[k + N/2] = E[k] − ωᵏ O[k].

    E and O are the transforms of the samples at even and odd places, each half as long.

    Raises:
        ValueError: the number of samples is not a power of 2.

    Source: Cooley, Tukey 1965, doi:10.1090/S0025-5718-1965-0178586-1. Radix 2, decimation in time.
    Oracle: numpy.fft.fft.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.fourier_transform import fft
        >>> fft(np.array([1.0, 0.0, 0.0, 0.0]))
        array([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j])
    """
    n = _length(x)
    if n & (n - 1):
        raise ValueError(f"the number of samples must be a power of 2, got {n}")
    return _fft(np.asarray(x).astype(complex))


def _fft(x: Any) -> Any:
    n = x.shape[-1]
    if n == 1:
        return x
    even, odd = _fft(x[..., ::2]), _fft(x[..., 1::2])
    turned = np.exp(-2j * np.pi * np.arange(n // 2) / n) * odd
    return np.concatenate([even + turned, even - turned], axis=-1)


def fft_convolve(x: Float[np.ndarray, "time"], kernel: Float[np.ndarray, "taps"]) -> Float[np.ndarray, "out"]:
    """Convolve by multiplying spectra: y[n] = Σⱼ kernel[j] x[n − j], all len(x) + len(kernel) − 1 outputs.

    Both are padded with zeros to a power of 2 that holds the whole output; without, its end wraps around to its start.

    Raises:
        ValueError: one of the two is empty.

    Source: Mathieu, Henaff, LeCun 2013, arXiv:1312.5851. A convolution, so the kernel is flipped; torch's does not.
    Oracle: scipy.signal.fftconvolve and numpy.convolve.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.fourier_transform import fft_convolve
        >>> fft_convolve(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0])).round(6)
        array([1., 3., 5., 3.])
    """
    length = _length(x) + _length(kernel) - 1
    size = 1 << (length - 1).bit_length()
    product = fft(np.pad(x, (0, size - len(x)))) * fft(np.pad(kernel, (0, size - len(kernel))))
    return np.real(fft(np.conj(product)))[:length] / size  # an inverse transform, whose imaginary part is zero


def stft(
    x: Float[np.ndarray, "time"], n_fft: int, hop_length: int, window: Float[np.ndarray, "n_fft"] | None = None
) -> Complex[np.ndarray, "frequencies frames"]:
    """Transform one short piece after the other: S[k, t] = Σₙ window[n] x[t · hop_length + n] e^(−2πi k n / n_fft).

    Rows are the frequencies 0 to n_fft / 2: a real signal mirrors the rest. No padding: torch's center=False.

    Args:
        x: The samples of a real signal.
        n_fft: Samples in a piece, a power of 2, at least 2 and at most those of x.
        hop_length: Samples from one piece to the next, at least 1.
        window: Fades each piece in and out; None for the periodic Hann window, (1 − cos(2πn / n_fft)) / 2.

    Raises:
        ValueError: n_fft, hop_length or the length of the window breaks its rule.

    Source: Allen, Rabiner 1977, doi:10.1109/PROC.1977.10770.
    Oracle: torch.stft with center=False.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.fourier_transform import stft
        >>> stft(np.ones(16), n_fft=4, hop_length=2).shape
        (3, 7)
    """
    if not 2 <= n_fft <= len(x) or n_fft & (n_fft - 1) or hop_length < 1:
        rule = f"n_fft must be a power of 2 from 2 to the {len(x)} samples and hop_length at least 1"
        raise ValueError(f"{rule}, got {n_fft} and {hop_length}")
    window = (1 - np.cos(2 * np.pi * np.arange(n_fft) / n_fft)) / 2 if window is None else window
    if np.shape(window) != (n_fft,):
        raise ValueError(f"window must hold n_fft = {n_fft} entries, got shape {np.shape(window)}")
    pieces = np.lib.stride_tricks.sliding_window_view(x, n_fft)[::hop_length]  # (frames, n_fft)
    return fft(pieces * window)[:, : n_fft // 2 + 1].T


def spectrogram(
    x: Float[np.ndarray, "time"], n_fft: int, hop_length: int, window: Float[np.ndarray, "n_fft"] | None = None
) -> Float[np.ndarray, "frequencies frames"]:
    """Show the power of each frequency over time: |stft|². Arguments and errors are those of stft.

    Source: Allen, Rabiner 1977, doi:10.1109/PROC.1977.10770.
    Oracle: |torch.stft|² with center=False.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.fourier_transform import spectrogram
        >>> spectrogram(np.ones(8), n_fft=4, hop_length=4).round(6)[:, 0]
        array([4., 1., 0.])
    """
    return np.abs(stft(x, n_fft, hop_length, window)) ** 2


def fourier_features(
    x: Float[np.ndarray, "points inputs"], frequencies: Float[np.ndarray, "inputs waves"]
) -> Float[np.ndarray, "points features"]:
    """Describe coordinates by waves: cos(2π x B) beside sin(2π x B), B the frequencies, in cycles per unit.

    Raises:
        ValueError: x and frequencies disagree about the number of inputs.

    Source: Tancik et al. 2020, arXiv:2006.10739, section 5, with amplitudes 1.
    Oracle: e^(2πi x B), from torch.polar.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.fourier_transform import fourier_features
        >>> fourier_features(np.array([[0.0], [0.25]]), np.array([[1.0]])).round(6)
        array([[1., 0.],
               [0., 1.]])
    """
    if np.shape(x)[1:] != np.shape(frequencies)[:1]:
        shapes = f"x {np.shape(x)}, frequencies {np.shape(frequencies)}"
        raise ValueError(f"x must be (points, inputs) and frequencies (inputs, waves): {shapes}")
    phases = 2 * np.pi * (x @ frequencies)
    return np.concatenate([np.cos(phases), np.sin(phases)], axis=1)


def _length(x: Any) -> int:
    if not np.ndim(x) or not np.shape(x)[-1]:
        raise ValueError(f"a signal must hold 1 sample at least along its last axis, got shape {np.shape(x)}")
    return np.shape(x)[-1]
