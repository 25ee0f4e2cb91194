"""Proofs of dlref.foundations.fourier_transform: numpy.fft, SciPy and torch.stft are the oracles."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import fftconvolve

from dlref.foundations.fourier_transform import (
    dft,
    fft,
    fft_convolve,
    fourier_features,
    idft,
    spectrogram,
    stft,
)
from tests.oracle import Verify, error

quickly = settings(max_examples=25, deadline=None)
PIECES = [(8, 2), (16, 16), (32, 5), (4, 9), (2, 1), (64, 1)]


def signals(rng: np.random.Generator, powers: bool) -> list[tuple[np.ndarray]]:
    """Give one sample, empty and single batches, blocks, views without contiguous memory, complex and whole numbers."""
    lengths = [1, 2, 4, 64, 1024] if powers else [1, 2, 3, 7, 60, 97, 256]
    block = rng.normal(size=(16, 32))
    cases = [rng.normal(size=n) for n in lengths]
    cases += [block, block[:1], block[:0], block[:, ::2], block.T, block + 1j * block[::-1], np.arange(8)]
    return [(x,) for x in cases]


# Against the oracles


def test_transforms_equal_numpy(verify: Verify, rng: np.random.Generator) -> None:
    oracle = "numpy.fft.fft"
    verify(dft, np.fft.fft, signals(rng, powers=False), oracle=oracle, gradients=None)
    verify(fft, np.fft.fft, signals(rng, powers=True), oracle=oracle, gradients=None)
    spectra = [(x.astype(complex),) for (x,) in signals(rng, powers=False)]
    verify(idft, np.fft.ifft, spectra, oracle="numpy.fft.ifft", gradients=None)


def test_convolution_equals_scipy_and_numpy(verify: Verify, rng: np.random.Generator) -> None:
    sizes = [(1, 1), (5, 1), (1, 5), (5, 4), (100, 29), (8, 8), (300, 213)]
    cases = [(rng.normal(size=n), rng.normal(size=taps)) for n, taps in sizes]
    cases.append((rng.normal(size=40)[::3], rng.normal(size=9)[::-2]))
    verify(fft_convolve, fftconvolve, cases, oracle="scipy.signal.fftconvolve", gradients=None)
    verify(fft_convolve, np.convolve, cases, oracle="numpy.convolve", gradients=None)


@pytest.mark.parametrize("given_window", [False, True])
def test_short_transforms_equal_torch(given_window: bool, verify: Verify, rng: np.random.Generator) -> None:
    def reference(x: np.ndarray, n_fft: int, hop: int, window: np.ndarray | None = None) -> np.ndarray:
        shape = torch.hann_window(n_fft, dtype=torch.float64) if window is None else torch.tensor(window)
        signal = torch.tensor(x.copy())
        return torch.stft(signal, n_fft, hop, window=shape, center=False, return_complex=True).numpy()

    cases = [(x, n, hop) for x in (rng.normal(size=64), rng.normal(size=300)[::3]) for n, hop in PIECES]
    if given_window:
        cases = [(*case, rng.random(case[1])) for case in cases]
    verify(stft, reference, cases, oracle="torch.stft", gradients=None)

    def power(*case: np.ndarray) -> np.ndarray:
        return np.abs(reference(*case)) ** 2  # type: ignore[arg-type]

    verify(spectrogram, power, cases, oracle="|torch.stft|²", gradients=None)


def test_features_equal_the_complex_exponential(verify: Verify, rng: np.random.Generator) -> None:
    def reference(x: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        phases = 2 * torch.pi * torch.tensor(x) @ torch.tensor(frequencies)
        waves = torch.polar(torch.ones_like(phases), phases)
        return torch.cat([waves.real, waves.imag], dim=1).numpy()

    cases = [(rng.normal(size=(n, d)), rng.normal(size=(d, m))) for n, d, m in [(7, 2, 5), (0, 2, 3), (1, 1, 1)]]
    verify(fourier_features, reference, cases, oracle="torch.polar", gradients=None)


# Properties


@quickly
@given(seed=st.integers(0, 2**32 - 1), power=st.integers(0, 8))
def test_energy_shift_and_round_trip(seed: int, power: int) -> None:
    n = 2**power
    x = np.random.default_rng(seed).normal(size=n)
    spectrum = fft(x)
    assert (np.abs(spectrum) ** 2).sum() / n == pytest.approx((x**2).sum(), rel=1e-12)  # Parseval
    assert error(idft(spectrum), x.astype(complex)) <= 1e-12
    assert error(fft(np.roll(x, 1)), spectrum * np.exp(-2j * np.pi * np.arange(n) / n)) <= 1e-12
    assert error(spectrum[1:], np.conj(spectrum[1:][::-1])) <= 1e-12  # a real signal mirrors


@quickly
@given(k=st.integers(0, 64), phase=st.floats(0, 6))
def test_a_wave_is_one_peak(k: int, phase: float) -> None:
    n = np.arange(128)
    size = np.abs(fft(np.cos(2 * np.pi * k * n / 128 + phase)))[:65]
    alone = k in (0, 64)  # there the two mirror images fall together
    assert size[k] == pytest.approx(128 * abs(np.cos(phase)) if alone else 64, abs=1e-10)
    assert np.delete(size, k).max() <= 1e-10


def test_leaves_its_arguments_alone_and_large_values_finite(rng: np.random.Generator) -> None:
    x = rng.normal(size=32)
    kept = x.copy()
    for f in (dft, fft, idft):
        assert error(f((x * 1e150).astype(complex)) / 1e150, f(x.astype(complex))) <= 1e-13
    fft_convolve(x, x)
    stft(x, 8, 4)
    assert np.array_equal(x, kept)


# Bad input


def test_bad_input(as_a_reader: None) -> None:
    from dlref.foundations.fourier_transform import dft, fft, fft_convolve, fourier_features, idft, stft

    x = np.ones(8)
    for f in (dft, fft, idft):
        with pytest.raises(ValueError, match=r"1 sample at least along its last axis, got shape \(0,\)"):
            f(x[:0])
    with pytest.raises(ValueError, match=r"1 sample at least along its last axis, got shape \(\)"):
        dft(np.float64(1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the number of samples must be a power of 2, got 6"):
        fft(x[:6])
    for pair in ((x, x[:0]), (x[:0], x)):
        with pytest.raises(ValueError, match="1 sample at least"):
            fft_convolve(*pair)
    for n_fft, hop in [(16, 1), (3, 1), (1, 1), (4, 0)]:
        with pytest.raises(ValueError, match=f"power of 2 from 2 to the 8 samples.*at least 1, got {n_fft} and {hop}"):
            stft(x, n_fft, hop)
    with pytest.raises(ValueError, match=r"window must hold n_fft = 4 entries, got shape \(8,\)"):
        stft(x, 4, 1, window=x)
    with pytest.raises(ValueError, match=r"x \(8, 1\), frequencies \(2, 3\)"):
        fourier_features(x[:, None], np.ones((2, 3)))
