"""Proofs of the NumPy autograd: torch on the same expressions, torch on random graphs, torch's own gradcheck."""

import subprocess
import sys
from collections.abc import Callable
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlref.training.backpropagation import Tensor, gradcheck, record, topological_order
from tests.oracle import Verify, error

Function = Callable[..., Any]
AUTOGRAD = "torch.autograd"


def as_torch(function: Function) -> Function:
    """Wrap a function of our Tensors for torch, which then takes its gradients from our ``backward``."""

    class Bridge(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: torch.Tensor) -> torch.Tensor:
            ctx.tensors = [Tensor(x.detach().numpy(), requires_grad=True) for x in inputs]
            ctx.output = function(*ctx.tensors)
            return torch.from_numpy(ctx.output.data.copy())

        @staticmethod
        def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
            for tensor in ctx.tensors:
                tensor.grad = None
            ctx.output.backward(gradients[0].numpy())
            return tuple(None if t.grad is None else torch.from_numpy(t.grad) for t in ctx.tensors)

    return Bridge.apply


def randn(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def gradient(tensor: Tensor) -> np.ndarray:
    assert tensor.grad is not None
    return tensor.grad


# Code that runs on our Tensors and on torch's alike. Logarithms and quotients stay away from zero.
UNARY: dict[str, Function] = {
    "neg": lambda x: -x,
    "radd": lambda x: 2 + x,
    "rsub": lambda x: 2 - x,
    "rmul": lambda x: 2 * x,
    "rdiv": lambda x: 2 / (x * x + 0.5),
    "rpow": lambda x: 2**x,
    "square": lambda x: x**2,
    "cube": lambda x: x**3.0,
    "power zero": lambda x: x**0,
    "root": lambda x: (x * x + 0.5) ** 0.5,
    "inverse": lambda x: (x * x + 0.5) ** -1,
    "exp": lambda x: x.exp(),
    "log": lambda x: (x * x + 0.5).log(),
    "tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: x.sigmoid(),
    "relu": lambda x: x.relu(),
    "sum": lambda x: x.sum(),
    "flatten": lambda x: x.reshape(-1),
    "used four times": lambda x: x * x.tanh() + x.exp() * x,
    "picked": lambda x: x[..., None],
}
BINARY: dict[str, Function] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / (y * y + 0.5),
    "pow": lambda x, y: (x * x + 0.5) ** y,
}


@pytest.mark.parametrize("name", UNARY)
def test_operations_on_one_tensor(name: str, verify: Verify, generator: torch.Generator) -> None:
    cases = [(randn(generator, *shape),) for shape in [(3, 4), (), (1,), (0, 3), (2, 3, 4)]]
    strided = [(randn(generator, 4, 3).T,), (randn(generator, 6, 3)[::2],)]
    verify(as_torch(UNARY[name]), UNARY[name], cases + strided, oracle=AUTOGRAD, name=Tensor)


@pytest.mark.parametrize("name", BINARY)
def test_operations_on_two_tensors_that_broadcast(name: str, verify: Verify, generator: torch.Generator) -> None:
    shapes = [((3, 4), (3, 4)), ((3, 4), (4,)), ((2, 1, 4), (3, 1)), ((), (2, 3)), ((0, 3), (1, 3)), ((1,), (1, 1))]
    cases = [(randn(generator, *a), randn(generator, *b)) for a, b in shapes]
    cases.append((randn(generator, 4, 3).T, randn(generator, 1, 4)))
    verify(as_torch(BINARY[name]), BINARY[name], cases, oracle=AUTOGRAD, name=Tensor)


def test_matmul(verify: Verify, generator: torch.Generator) -> None:
    shapes = [
        ((2, 3), (3, 4)), ((1, 3), (3, 1)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 1)),
        ((0, 3), (3, 2)), ((2, 0), (0, 3)),
    ]  # fmt: skip
    cases = [(randn(generator, *a), randn(generator, *b)) for a, b in shapes]
    cases.append((randn(generator, 3, 2).T, randn(generator, 4, 3).T))
    verify(as_torch(lambda x, y: x @ y), lambda x, y: x @ y, cases, oracle=AUTOGRAD, name=Tensor)
    left = randn(generator, 2, 3)
    verify(as_torch(lambda x: left.numpy() @ x), lambda x: left @ x, [(cases[0][1],)], oracle=AUTOGRAD, name=Tensor)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (-1, 0)])
@pytest.mark.parametrize(("ours", "theirs"), [("sum", torch.sum), ("mean", torch.mean), ("max", torch.amax)])
def test_reductions(
    ours: str, theirs: Function, axis: Any, keepdims: bool, verify: Verify, generator: torch.Generator
) -> None:
    rounded = randn(generator, 3, 2, 4).round()  # many ties
    cases = [(rounded,), (randn(generator, 1, 1, 1),), (randn(generator, 4, 2, 3).permute(2, 1, 0),)]
    if ours != "max":
        cases.append((randn(generator, 2, 0, 3),) if axis != (0, 2) else (randn(generator, 2, 3, 1),))
    if ours == "mean" and axis is None:
        cases.pop()  # the mean of nothing: NumPy warns, see below
    dims = tuple(range(3)) if axis is None else axis
    verify(
        as_torch(lambda x: getattr(x, ours)(axis, keepdims)),
        lambda x: theirs(x, dim=dims, keepdim=keepdims),
        cases,
        oracle=AUTOGRAD,
        name=Tensor,
    )


def test_mean_of_an_empty_axis_is_empty_and_of_nothing_is_nan() -> None:
    assert Tensor(np.ones((0, 3))).mean(1).data.shape == (0,)
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(Tensor(np.ones((0, 3))).mean().data)


@pytest.mark.parametrize("axes", [(), (1, 2, 0), (2, 0, 1), (-1, 0, -2), (0, 1, 2)])
def test_transpose(axes: tuple[int, ...], verify: Verify, generator: torch.Generator) -> None:
    cases = [(randn(generator, 2, 3, 4),), (randn(generator, 0, 1, 2),)]
    reference = lambda x: x.permute(axes or (2, 1, 0)).exp()  # noqa: E731
    verify(as_torch(lambda x: x.transpose(*axes).exp()), reference, cases, oracle=AUTOGRAD, name=Tensor)


@pytest.mark.parametrize(
    "index",
    [0, -1, (1, 2), slice(0, 4, 2), (slice(None), None, 1), ..., ([0, 0, 3], [1, 1, 2]), [2, 2, 2, 0]],
    ids=str,
)
def test_indexing(index: Any, verify: Verify, generator: torch.Generator) -> None:
    pick = lambda x: x[index] * 2  # noqa: E731
    verify(as_torch(pick), pick, [(randn(generator, 4, 3),)], oracle=AUTOGRAD, name=Tensor)


def test_indexing_by_a_mask(verify: Verify, generator: torch.Generator) -> None:
    x = randn(generator, 4, 3)
    keep = x > 0
    verify(as_torch(lambda x: x[keep.numpy()]), lambda x: x[keep], [(x,)], oracle=AUTOGRAD, name=Tensor)


def test_a_classifier(verify: Verify, generator: torch.Generator) -> None:
    inputs, targets = np.random.default_rng(0).normal(size=(7, 4)), [0, 1, 2, 2, 1, 0, 0]

    def ours(w1: Tensor, b1: Tensor, w2: Tensor) -> Tensor:
        logits = (inputs @ w1 + b1).tanh() @ w2
        shifted = logits - logits.max(1, keepdims=True)
        return -(shifted - shifted.exp().sum(1, keepdims=True).log())[range(7), targets].mean()

    def theirs(w1: torch.Tensor, b1: torch.Tensor, w2: torch.Tensor) -> torch.Tensor:
        hidden = torch.tanh(torch.from_numpy(inputs) @ w1 + b1)
        return torch.nn.functional.cross_entropy(hidden @ w2, torch.tensor(targets))

    case = (randn(generator, 4, 5), randn(generator, 5), randn(generator, 5, 3))
    verify(as_torch(ours), theirs, [case], oracle="torch.nn.functional.cross_entropy of a network", name=Tensor)


# Random graphs. Every step stays bounded, so that a chain of them does not overflow.
STEPS: list[Function] = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b.tanh(),
    lambda a, b: a / (b * b + 1),
    lambda a, b: (a * a + 1).log() - b,
    lambda a, b: (a.tanh() ** 2 + 0.5) ** b.sigmoid(),
    lambda a, b: a.relu() + 1,
    lambda a, b: 1 - a.sigmoid(),
    lambda a, b: a.tanh().exp(),
    lambda a, b: a.reshape(1, -1)[:, :1],
    lambda a, b: a.tanh().reshape(1, -1) @ a.tanh().reshape(-1, 1),
    lambda a, b: (b + a).mean(),
]
SHAPES = st.lists(st.sampled_from([(), (1,), (3,), (2, 1), (2, 3), (1, 3), (4, 1, 3)]), min_size=1, max_size=3)
CHOICE = st.integers(0, 99)
PROGRAMS = st.lists(st.tuples(st.integers(0, len(STEPS) - 1), CHOICE, CHOICE), min_size=1, max_size=12)


def run(leaves: list[Any], program: list[tuple[int, int, int]]) -> tuple[Any, list[Any]]:
    nodes = list(leaves)
    for step, i, j in program:
        nodes.append(STEPS[step](nodes[i % len(nodes)], nodes[j % len(nodes)]))
    loss = sum((node.tanh().sum() for node in nodes), start=0.0 * nodes[0].sum())
    return loss, nodes


@given(shapes=SHAPES, program=PROGRAMS, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_graphs(
    verify: Verify, shapes: list[tuple[int, ...]], program: list[tuple[int, int, int]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape) for shape in shapes]
    loss, nodes = run([Tensor(a, requires_grad=True) for a in arrays], program)
    reference, theirs = run([torch.tensor(a, requires_grad=True) for a in arrays], program)
    for node in theirs:
        node.retain_grad()
    for _ in range(2):  # the second call adds to the first, in the middle of the graph too
        loss.backward()
        reference.backward(retain_graph=True)
    values = max(error(n.data, t) for n, t in zip([*nodes, loss], [*theirs, reference], strict=True))
    gradients = max(error(n.grad, t.grad) for n, t in zip(nodes, theirs, strict=True))
    assert values <= 1e-14
    assert gradients <= 1e-13
    verify.record(Tensor, "torch.autograd on random graphs", values, gradients)


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_torch_gradcheck_accepts_our_gradients(name: str, generator: torch.Generator) -> None:
    shapes = [(2, 3)] if name in UNARY else [(2, 3), (2, 1)]
    inputs = tuple(randn(generator, *shape).requires_grad_() for shape in shapes)
    assert torch.autograd.gradcheck(as_torch({**UNARY, **BINARY}[name]), inputs, atol=1e-7, rtol=1e-6)


def test_a_diamond_is_walked_once_per_node_and_not_once_per_path() -> None:
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y  # 2**60 paths
    y.backward()
    assert gradient(x) == 2.0**60
    assert len(topological_order(y)) == 61


CHAIN = """
import numpy as np
from dlref.training.backpropagation import Tensor, topological_order
x = y = Tensor(np.zeros(2), requires_grad=True)
for step in range(5_000):
    y = (y + 1.0).tanh()
print(len(topological_order(y)))
y.sum().backward()
print(x.grad is not None)
for step in range(50_000):
    y = y.exp()
del y
print("alive")
"""


def test_a_long_chain_meets_no_recursion_limit_and_is_freed_without_a_crash() -> None:
    done = subprocess.run([sys.executable, "-c", CHAIN], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["15001", "True", "alive"]), done.stderr


@given(program=PROGRAMS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_topological_order(verify: Verify, program: list[tuple[int, int, int]]) -> None:
    loss, _ = run([Tensor(np.ones((2, 3)), requires_grad=True)], program)
    order = topological_order(loss)
    graph, frontier = {}, [loss]
    while frontier:
        node = frontier.pop()
        graph[node] = node.parents
        frontier.extend(parent for parent in node.parents if parent not in graph)
    sorter = TopologicalSorter(graph)
    assert sorted(map(id, sorter.static_order())) == sorted(map(id, order))
    place = {node: i for i, node in enumerate(order)}
    assert all(place[parent] < place[node] for node in order for parent in node.parents)
    assert order[-1] is loss
    verify.record(topological_order, "graphlib.TopologicalSorter: its nodes, in an order that it allows", 0.0)


def sine(x: Tensor) -> Tensor:
    return record("sin", np.sin(x.data), (x, lambda g: g * np.cos(x.data)))


def test_record_makes_an_operation(verify: Verify, generator: torch.Generator) -> None:
    cases = [(randn(generator, *shape),) for shape in [(), (3,), (2, 0), (2, 3)]]
    verify(as_torch(sine), torch.sin, cases, oracle="torch.sin", name=record)
    node = sine(Tensor(1.0, requires_grad=True))
    assert (node.operation, len(node.parents)) == ("sin", 1)


def planted(slope: Callable[[np.ndarray], np.ndarray]) -> Function:
    return lambda x: record("tanh", np.tanh(x.data), (x, lambda g: g * slope(np.tanh(x.data)))).sum()


CHECKED: dict[str, tuple[Function, bool]] = {
    "right": (planted(lambda y: 1 - y**2), True),
    "sign": (planted(lambda y: y**2 - 1), False),
    "no chain rule": (planted(lambda y: np.ones_like(y)), False),
    "forgotten square": (planted(lambda y: 1 - y), False),
    "one per cent off": (planted(lambda y: 1.01 * (1 - y**2)), False),
    "NaN": (planted(lambda y: np.full_like(y, np.nan)), False),
    "detached": (lambda x: (x * Tensor(x.data)).sum(), False),
    "graph lost": (lambda x: Tensor(x.data.sum()), False),
    "half a constant": (lambda x: (x * Tensor([[1.0], [0.0]])).sum(), True),
    "elements unused": (lambda x: x[:1].exp().sum(), True),
}


@pytest.mark.parametrize("name", CHECKED)
def test_gradcheck_agrees_with_torch(name: str, verify: Verify, rng: np.random.Generator) -> None:
    function, right = CHECKED[name]
    x = rng.normal(size=(2, 2))

    def verdict(check: Function) -> bool:
        try:
            return check()
        except (ValueError, RuntimeError):
            return False

    leaf = torch.tensor(x, requires_grad=True)
    assert verdict(lambda: torch.autograd.gradcheck(as_torch(function), leaf)) is right
    assert verdict(lambda: gradcheck(function, [x])) is right
    verify.record(gradcheck, "torch.autograd.gradcheck in its verdict on right and on wrong gradients", 0.0)


def test_gradcheck_takes_any_number_and_shape_of_inputs(rng: np.random.Generator) -> None:
    x, w, b = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=())
    assert gradcheck(lambda x, w, b: (x @ w + b).sigmoid().sum(), [x, w, b])
    assert gradcheck(lambda x, y: x.exp().reshape(1, 1), [np.array(0.5), np.ones((0, 3))])
    with pytest.raises(ValueError, match=r"input 2 at \(\)"):
        gradcheck(lambda x, w, b: (x @ w + b.data).sigmoid().sum(), [x, w, b])


def test_gradcheck_catches_what_torch_defaults_let_pass(rng: np.random.Generator) -> None:
    slightly_wrong = planted(lambda y: (1 + 5e-4) * (1 - y**2))
    x = rng.normal(size=3)
    assert torch.autograd.gradcheck(as_torch(slightly_wrong), torch.tensor(x, requires_grad=True))
    with pytest.raises(ValueError, match="wrong gradient"):
        gradcheck(slightly_wrong, [x])


def test_gradcheck_differences_are_central() -> None:
    assert gradcheck(lambda x: (100 * x).exp().sum(), [np.zeros(1)])  # one-sided ones are off by 5e-5


def test_backward_without_an_argument_starts_with_one_also_for_one_element_of_any_shape() -> None:
    x = Tensor([[3.0]], requires_grad=True)
    (x * x).backward()
    assert np.array_equal(gradient(x), [[6.0]])


def test_constants_record_nothing_and_receive_nothing() -> None:
    constant, weight = Tensor([1.0, 2.0]), Tensor([3.0, 4.0], requires_grad=True)
    assert (constant * 2).parents == ()
    assert not (constant * 2).requires_grad
    product = constant * weight
    product.sum().backward()
    assert product.operation == "mul"
    assert constant.grad is None
    assert np.array_equal(gradient(weight), [1.0, 2.0])


def test_nothing_that_is_kept_for_the_way_back_can_be_changed() -> None:
    source = np.array([1.0, 2.0])
    x = Tensor(source, requires_grad=True)
    y = (x * x).sum()
    source[:] = 99
    assert source.flags.writeable
    for values in (x.data, y.data, x.reshape(2, 1).data, x[:1].data):
        with pytest.raises(ValueError, match="read-only"):
            values[...] = 0
    y.backward()
    assert np.array_equal(gradient(x), [2.0, 4.0])


def test_gradients_are_arrays_of_their_own() -> None:
    x, y = Tensor([1.0, 2.0], requires_grad=True), Tensor([1.0, 2.0], requires_grad=True)
    total, start = x + y, np.ones(2)
    total.backward(start)
    gradient(x)[:] = 10
    assert np.array_equal(gradient(y), [1.0, 1.0])
    assert np.array_equal(gradient(total), [1.0, 1.0])
    assert np.array_equal(start, [1.0, 1.0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_follows_the_input(dtype: type) -> None:
    x = Tensor(np.array([0.5, -2.0], dtype), requires_grad=True)
    y = ((2 * x + 1) ** 2 / 3 - np.float64(1.5)).tanh().sigmoid().relu().mean()
    assert y.data.dtype == dtype
    mixed = (x * Tensor(np.ones(2))).sum()
    assert mixed.data.dtype == np.float64
    (y + mixed).backward()
    assert gradient(x).dtype == dtype


def test_extremes_neither_overflow_nor_warn() -> None:
    x = Tensor([-1e4, -745.0, 0.0, 745.0, 1e4], requires_grad=True)
    y = x.sigmoid() + x.tanh() + x.relu()
    y.sum().backward()
    t = torch.tensor(x.data, requires_grad=True)
    (t.sigmoid() + t.tanh() + t.relu()).sum().backward()
    assert error(x.grad, t.grad) <= 1e-15
    assert np.isfinite(y.data).all()


def test_powers_at_zero_as_in_torch() -> None:
    for exponent in (0, 0.0, 1, 2, 3.5):
        x, t = Tensor([0.0, 2.0], requires_grad=True), torch.tensor([0.0, 2.0], requires_grad=True)
        (x**exponent).sum().backward()
        (t**exponent).sum().backward()
        assert error(x.grad, t.grad) <= 1e-6
        assert np.isfinite(gradient(x)).all()


def test_numpy_functions_do_not_lose_the_graph() -> None:
    x: Any = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match="does not support ufuncs"):
        np.exp(x)
    assert (np.array([3.0, 4.0]) * x).requires_grad
    assert (np.array([3.0, 4.0]) - x).data.shape == (2,)


def test_repr_shows_values_and_operation() -> None:
    assert repr(Tensor([1.0, 2.0], requires_grad=True).exp().sum() * 0) == "Tensor(0., operation='mul')"


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_is_named() -> None:
    from dlref.training import backpropagation

    module: Any = backpropagation  # what follows is no type checker's idea of a call
    Tensor, gradcheck, record = module.Tensor, module.gradcheck, module.record
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(ValueError, match=r"without a gradient needs a single element, got the shape \(2, 3\)"):
        x.backward()
    with pytest.raises(ValueError, match=r"needs the shape of the tensor, \(2, 3\), got \(3,\)"):
        x.backward(np.ones(3))
    with pytest.raises(ValueError, match="a tensor with requires_grad=True, or one computed from"):
        Tensor(1.0).backward()
    with pytest.raises(ValueError, match=r"broadcast together with shapes \(2,3\) \(2,\)"):
        _ = x + np.ones(2)
    with pytest.raises(ValueError, match=r"as many columns left as rows right, got \(2, 3\) and \(2, 3\)"):
        _ = x @ x
    with pytest.raises(ValueError, match=r"@ takes matrices, .*, got \(2, 3\) and \(3,\)"):
        _ = x @ np.ones(3)
    with pytest.raises(TypeError, match="requires_grad=True needs floating-point numbers, got dtype int64"):
        Tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match="requires_grad=False needs real numbers, got dtype <U3"):
        Tensor("one")
    with pytest.raises(TypeError, match="real numbers, got dtype complex"):
        Tensor(1j)
    with pytest.raises(TypeError, match="real numbers, got dtype object"):
        Tensor(x)
    with pytest.raises(TypeError, match="does not support item assignment"):
        x[0] = 1.0
    with pytest.raises(AttributeError, match="data"):
        x.data = np.zeros(3)
    with pytest.raises(TypeError, match="gradcheck needs float64 arrays, input 1 is ndarray of float32"):
        gradcheck(lambda x, y: x + y, [np.ones(2), np.ones(2, np.float32)])
    with pytest.raises(TypeError, match="input 0 is list of float64"):
        gradcheck(lambda x: x, [[1.0]])
    with pytest.raises(ValueError, match=r"needs a single element, got the shape \(2,\)"):
        gradcheck(lambda x: x.exp(), [np.ones(2)])

    def flipped(x: Any, w: Any) -> Any:
        return record("mul", x.data * w.data, (x, lambda g: g * w.data), (w, lambda g: -g * x.data)).sum()

    message = r"wrong gradient of input 1 at \(0, 1\): received -2, expected 2"
    with pytest.raises(ValueError, match=message):
        gradcheck(flipped, [np.array([[0.0, 2.0]]), np.array([[3.0, 4.0]])])
    lost = record("sum", 3.0, (Tensor(np.ones(3), requires_grad=True), lambda g: np.ones((3, 1))))
    with pytest.raises(ValueError, match=r"product has the shape \(3, 1\) for an input of \(3,\)"):
        lost.backward()
