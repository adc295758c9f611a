"""Rows of a case, as NumPy files: what a case says about its data, put into numbers.

In: a case as JSON on standard input; the folder of the cases, the folder to write to. Out:
ID-train.npz, and ID-val.npz where the case has such rows, with x and y; on standard output, as JSON,
what they are, or {"error": why they cannot be made}. A way of saying it is one function of a table;
what none of them reads is refused, never guessed.
"""

import csv
import gzip
import json
import math
import pathlib
import re
import sys

import numpy as np


class Unsaid(Exception):
    """The case says something that is not read here."""


NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


# --- rows of files


def column(cells):
    """Numbers, or the classes of words in sorted order."""
    try:
        return np.array([float(c) if c.strip() not in ("", "?", "NA") else np.nan for c in cells])
    except ValueError:
        names = sorted(set(c.strip() for c in cells))
        return np.array([names.index(c.strip()) for c in cells], dtype=float)


def is_number(word):
    try:
        float(word)
        return True
    except ValueError:
        return word.strip() == ""


def of_file(case, data, folder):
    text = (folder / data["file"]).read_text(encoding="utf-8-sig")
    first = text.splitlines()[0]
    separator = max(",;\t", key=first.count)
    rows = [r for r in csv.reader(text.splitlines(), delimiter=separator) if r]
    named = not any(is_number(c) for c in rows[0])
    header = [c.strip() for c in rows[0]] if named else [str(i) for i in range(len(rows[0]))]
    skipped = re.search(r"skiprows\s*=\s*(\d+)", str(data.get("header", "")))
    rows = rows[int(skipped.group(1)) if skipped else int(named):]
    columns = {name: [r[i] for r in rows] for i, name in enumerate(header)}
    part = columns.pop("split", None)
    names = list(columns)
    if "target" in data:
        target = data["target"]
    elif "label_column" in data:
        target = names[data["label_column"]]
    else:
        target = names[-1]
    y = column(columns[target])
    x = np.stack([column(columns[n]) for n in names if n != target], axis=1)
    keep = np.isfinite(y) & np.isfinite(x).all(axis=1)
    x, y = x[keep], y[keep]
    if part is not None:
        train = np.array(part)[keep] == "train"
        return x[train], y[train], x[~train], y[~train]
    return (x, y) + (None, None)


def mnist(_, data, folder):
    places = [p / "data" for p in [folder, *folder.resolve().parents]]
    name = "mnist-t10k-{}-ubyte.gz"
    place = next((p for p in places if (p / name.format("images-idx3")).exists()), None)
    if place is None:
        raise Unsaid("the digits of MNIST are not here")
    read = lambda kind, skip: np.frombuffer(
        gzip.decompress((place / name.format(kind)).read_bytes()), np.uint8, offset=skip)
    x = read("images-idx3", 16).reshape(-1, 784).astype(np.float64)
    y = read("labels-idx1", 8).astype(float)
    order = np.random.RandomState(0).permutation(len(x))
    scaled = re.search(r"(/|by|over)\s*255|0\s*\.\.\s*1\b|(?<!un)(scaled|normalised)", str(data))
    x, y = x[order] / (255.0 if scaled else 1.0), y[order]
    cut = len(x) * 8 // 10
    return x[:cut], y[:cut], x[cut:], y[cut:]


def shipped(name):
    def load(_case, _data, _folder):
        import sklearn.datasets
        got = getattr(sklearn.datasets, "load_" + name)()
        return got.data.astype(float), got.target.astype(float), None, None
    return load


NAMED = [
    ("mnist", mnist),
    ("iris", shipped("iris")),
    ("breast cancer", shipped("breast_cancer")),
    ("wine", shipped("wine")),
    ("diabetes", shipped("diabetes")),
    ("digits", shipped("digits")),
]


def named(needs):
    """What reads data that go by a name; None if there is no such name."""
    words = re.sub(r"^(?:(?:sklearn|scikit-learn|the|load)[\s.'_]*)+", "", needs.lower())
    words = words.replace("_", " ")
    return next((read for word, read in NAMED if re.match(word + r"\b", words)), None)


# --- rows by formula


def expression(text):
    """A formula as Python: powers, products without a sign."""
    out = text.strip().rstrip(".,").replace("^", "**").replace("²", "**2").replace("³", "**3")
    out = re.sub(r"\bmod\b", "%", out).replace("np.", "").replace("·", "*").replace("−", "-")
    out = re.sub(r"\b([\w\[\]]+)\s+xor\s+([\w\[\]]+)", r"xor(\1, \2)", out)
    if m := re.fullmatch(r"\(?(.+?)\s+if\s+(.+?)\s+else\s+(.+?)\)?", out):
        return f"where({expression(m[2])}, {expression(m[1])}, {expression(m[3])})"
    out = re.sub(r"(\d)\s*(?=[A-Za-z(])(?![eE][-+]?\d)", r"\1*", out)
    out = re.sub(r"\b(x\w*|\])\s+(?=[\w(])(?!if|else|and|or|in|not)", r"\1*", out)
    return re.sub(r"\)\s*(?=[A-Za-z(\d])", ")*", out)


def evaluate(text, x, random):
    flat = x[:, 0] if x.shape[1] == 1 else x
    n = len(x)
    names = {f: getattr(np, f) for f in
             "sin cos tan exp log sqrt abs tanh sign floor where maximum minimum".split()}
    names |= {
        "x": flat.T if x.shape[1] > 1 else flat, "pi": math.pi, "np": np, "e": math.e,
        "sum": lambda v: v.sum(axis=0) if np.ndim(v) > 1 else v,
        "mean": lambda v: v.mean(axis=0) if np.ndim(v) > 1 else v,
        "normal": lambda m=0.0, s=1.0: random.normal(m, s, n),
        "noise": random.normal(0, 1, n),
        "uniform": lambda a=0.0, b=1.0: random.uniform(a, b, n),
        "randint": lambda a, b=None: random.randint(*([0, a] if b is None else [a, b]), n),
        "max": lambda v: v.max(axis=0) if np.ndim(v) > 1 else v,
        "min": lambda v: v.min(axis=0) if np.ndim(v) > 1 else v,
        "argmax": lambda v: v.argmax(axis=0) if np.ndim(v) > 1 else 0 * v,
        "parity": lambda v: (v.sum(axis=0) if np.ndim(v) > 1 else v) % 2,
        "xor": lambda a, b: (a != b),
    }
    names |= {f"x{i + 1}": x[:, i] for i in range(x.shape[1])}
    try:
        value = eval(expression(text), {"__builtins__": {}}, names)  # a formula of our own cases
    except Exception as why:
        raise Unsaid(f"the formula y = {text.strip()}: {why}") from None
    return np.broadcast_to(np.asarray(value, dtype=float), (n,)).copy()


def listed(text, name):
    """`name = [[0, 0], [0, 1]]` or `name = 1, 2, 3`, as rows; None if it is not that."""
    m = re.search(rf"\b{name}\s*=\s*(\[.*?\](?!\s*,\s*\[)|{NUMBER}(?:\s*,\s*{NUMBER})+)\s*(?:[;,](?!\s*(?:\.\.|…))|$)", text)
    if not m or ".." in m[1] or "…" in m[1]:
        return None
    if not re.fullmatch(rf"[\[\](){{}},\s]*(?:{NUMBER}[\[\](),\s]*)+", m[1]):
        return None
    rows = re.findall(r"[\[(]([^\[\]()]*)[\])]", m[1].strip()) if "[" in m[1][1:] else None
    numbers = lambda part: [float(v) for v in re.findall(NUMBER, part)]
    return np.array([numbers(r) for r in rows] if rows else [[v] for v in numbers(m[1])])


def counted(text):
    """`x = a, b, .., last`, `x = a..b`, with `step s`; None if it is not that."""
    if m := re.search(rf"x\s*=\s*({NUMBER})\s*,\s*({NUMBER})\s*,\s*(?:\.\.+|…)\s*,?\s*({NUMBER})", text):
        a, b, last = (float(m[i]) for i in (1, 2, 3))
        return (a + (b - a) * np.arange(round((last - a) / (b - a)) + 1))[:, None]
    if m := re.search(rf"x\s*(?:=|in)\s*({NUMBER})\s*(?:\.\.+|…)\s*({NUMBER})(?:\s*,?\s*(?:step|by)\s*({NUMBER}))?", text):
        step = float(m[3] or 1)
        return np.arange(float(m[1]), float(m[2]) + step / 2, step)[:, None]
    return None


def inputs(text, random):
    """x = …, or `N rows x uniform(a, b)^d`."""
    pair = rf"\(\s*({NUMBER})\s*,\s*({NUMBER})\s*\)"
    head = re.split(r"\by\s*=|\by random", text)[0]
    rows = re.search(r"(\d[\d_]*)\s*(?:rows|samples|points|examples|random|numbers)", text)
    drawn = re.search(rf"(uniform|normal|randint)\s*{pair}\s*(?:\^\s*(\d+))?", head)
    if m := re.search(rf"x\s*=\s*(?:np\.)?linspace\(\s*({NUMBER})\s*,\s*({NUMBER})\s*,\s*(\d+)\s*\)", text):
        return np.linspace(float(m[1]), float(m[2]), int(m[3]))[:, None]
    if m := re.search(rf"x\s*=\s*(?:np\.)?(?:arange|range)\(\s*({NUMBER})\s*(?:,\s*({NUMBER})\s*)?(?:,\s*({NUMBER})\s*)?\)", text):
        ends = [float(v) for v in m.groups() if v]
        return np.arange(*ends)[:, None]
    if (x := counted(head)) is not None:
        return x
    if (x := listed(text, "x")) is not None:
        return x
    if m := re.search(r"rand(?:n|om)?\(\(?\s*(\d+)\s*,\s*(\d+)\s*\)", head):
        draw = random.randn if "randn" in m[0] else random.rand
        return draw(int(m[1]), int(m[2]))
    if m := re.search(r"(\d[\d_]*)\s*(?:rows|samples|examples)?\s*(?:of|x|×|with|,)\s*(\d+)\s*(?:random\s*)?(bits|inputs|features|numbers)", head):
        n, d = int(m[1].replace("_", "")), int(m[2])
        if m[3] == "bits":
            return random.randint(0, 2, (n, d)).astype(float)
        if drawn:
            rows, drawn = m, [0, drawn[1], drawn[2], drawn[3], d]
    if rows and (m := re.search(rf"(?:random\s+)?integers?\s*(?:in|from)?\s*({NUMBER})\s*(?:\.\.+|…|to)\s*({NUMBER})\s*(?:\^\s*(\d+))?", head)):
        size = (int(rows[1].replace("_", "")), int(m[3] or 1))
        return random.randint(int(float(m[1])), int(float(m[2])) + 1, size).astype(float)
    if rows and drawn:
        n, d = int(rows[1].replace("_", "")), int(drawn[4] or 1)
        a, b = float(drawn[2]), float(drawn[3])
        draw = {"uniform": random.uniform, "normal": random.normal}.get(drawn[1])
        x = draw(a, b, (n, d)) if draw else random.randint(int(a), int(b), (n, d)).astype(float)
        return np.sort(x, axis=0) if "sorted" in text else x
    raise Unsaid(f"the inputs of: {text}")


# What may stand behind a formula and is no part of it.
BEHIND = r";|,\s*(?:both|seed|test|train|standardi|min-?max|scaled|unscaled|sorted|shuffled|one-hot|not |no |raw)|\.\s|$"


def targets(text, x, random):
    if m := re.search(r"\by\s*(?:=|:)?\s*random\s*(?:labels?\s*)?(?:in\s*)?\{?(\d+)\s*(?:/|\.\.+|,|to)\s*(\d+)", text):
        return random.randint(int(m[1]), int(m[2]) + 1, len(x)).astype(float)
    if re.search(r"\by\s*=\s*(?:np\.)?(?:random\.)?randint\(\s*2", text):
        return random.randint(0, 2, len(x)).astype(float)
    if (y := listed(text, "y")) is not None:
        return y[:, 0]
    if y := re.search(rf"\by\s*=\s*(.*?)(?:{BEHIND})", text):
        return evaluate(y[1], x, random)
    raise Unsaid(f"no y in: {text}")


def by_formula(text, random):
    x = inputs(text, random)
    y = targets(text, x, random)
    if len(y) != len(x):
        raise Unsaid(f"{len(x)} inputs and {len(y)} targets: {text}")
    later = re.search(r"test\s+(x\s*=.*)$", text)
    vx = inputs(later[1], random) if later else None
    return x, y, vx, targets(text, vx, random) if later else None


def made(text, random):
    """sklearn's make_…(rows, F features, C classes)."""
    import sklearn.datasets as sk
    m = re.search(r"make_(\w+)\(([^)]*)\)", text)
    kind, args = m[1], m[2]
    n = int((re.search(r"\d+", args) or ["100"])[0])
    count = lambda word, other: int((re.search(rf"(\d+)\s*{word}", args) or [0, other])[1])
    features, classes = count("(?:features|inputs)", 20), count("(?:classes|centers)", 2)
    noise = float((re.search(rf"noise\s*=?\s*({NUMBER})", args) or [0, 0.1])[1])
    seed = random.randint(1 << 30)
    if kind == "classification":
        informative = min(features, max(2, math.ceil(math.log2(2 * classes))))
        got = sk.make_classification(n, features, n_informative=informative, n_redundant=0,
                                     n_classes=classes, random_state=seed)
    elif kind == "blobs":
        got = sk.make_blobs(n, count("(?:features|inputs)", 2), centers=classes, random_state=seed)
    elif kind in ("moons", "circles"):
        got = getattr(sk, "make_" + kind)(n, noise=noise, random_state=seed)
    elif kind.startswith("friedman"):
        noise = float((re.search(rf"noise\s*=?\s*({NUMBER})", args) or [0, 0.0])[1])
        got = getattr(sk, "make_" + kind)(n, noise=noise, random_state=seed)
    elif kind == "regression":
        got = sk.make_regression(n, features, random_state=seed)
    else:
        raise Unsaid(f"make_{kind}")
    return got[0], got[1].astype(float), None, None


def repeated(text, _):
    """`N rows of D ones (y=1) then N rows of D zeros (y=0); test: …`."""
    parts = re.findall(r"(\d+) rows of (\d+) (ones|zeros) \(y\s*=\s*(\d+)\)", text)
    row = lambda n, d, word, y: (np.full((n, d), float(word == "ones")), np.full(n, float(y)))
    train = [row(int(n), int(d), w, y) for n, d, w, y in parts]
    few = [int(n) for n in re.findall(r"\d+", text.split("test:")[1])] if "test:" in text else []
    later = [row(n, int(d), w, y) for n, (_, d, w, y) in zip(few, parts)]
    both = lambda rows: tuple(np.concatenate([r[i] for r in rows]) for i in (0, 1))
    return both(train) + (both(later) if later else (None, None))


def table_of_bits(text, _):
    """XOR, AND and OR of two bits."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    word = re.search(r"\b(xor|and|or)\b", text.lower())[1]
    rule = {"xor": np.logical_xor, "and": np.logical_and, "or": np.logical_or}[word]
    return x, rule(x[:, 0], x[:, 1]).astype(float), None, None


FORMULAS = [
    (r"make_\w+\(", made),
    (r"rows of \d+ (ones|zeros)", repeated),
    (r"\by\s*=|\by random", by_formula),
    (r"(?i)\bxor\b|4 rows.*\b(and|or)\b", table_of_bits),
]


def of_formula(_, data, __):
    text = data["formula"]
    seed = re.search(r"seed\s+(\d+)", text)
    random = np.random.RandomState(int(seed[1]) if seed else 0)
    for pattern, read in FORMULAS:
        if re.search(pattern, text):
            got = read(text, random)
            return scaled_as(text, got)
    raise Unsaid(f"the formula: {text}")


def scaled_as(text, got):
    if "both min-max" in text:
        return minmax(got, True, True)
    if re.search(r"(?i)standardi", text):
        return standardised(got)
    return got


# --- preparation


def minmax(got, inputs, target):
    x, y, vx, vy = got
    def fit(train, later):
        low, high = train.min(axis=0), train.max(axis=0)
        scale = np.where(high > low, high - low, 1)
        return (train - low) / scale, None if later is None else (later - low) / scale
    if inputs:
        x, vx = fit(x, vx)
    if target:
        y, vy = fit(y, vy)
    return x, y, vx, vy


def standardised(got):
    x, y, vx, vy = got
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1)
    later = None if vx is None else (vx - mean) / deviation
    return (x - mean) / deviation, y, later, vy


def split(got, text):
    x, y, vx, vy = got
    n, seed = len(x), re.search(r"(?:seed|random_state\s*=?)\s*(\d+)", text)
    seed = int(seed[1]) if seed else 0
    size = re.search(rf"test_size\s*=?\s*({NUMBER})", text)
    share = re.search(rf"({NUMBER})\s*%\s*train", text)
    if vx is not None or not (size or share):
        return got
    if share:
        keep = np.random.RandomState(seed).choice(n, round(n * float(share[1]) / 100), replace=False)
        rest = np.setdiff1d(np.arange(n), keep)
    else:
        # What sklearn's train_test_split does, without the seconds that importing it takes.
        order, cut = np.random.RandomState(seed).permutation(n), math.ceil(n * float(size[1]))
        keep, rest = order[cut:], order[:cut]
    return x[keep], y[keep], x[rest], y[rest]


def prepared(got, text):
    lower = text.lower()
    if "min-max" in lower or "minmax" in lower or re.search(r"scale.*0\s*\.\.\s*1", lower):
        got = minmax(got, "none on inputs" not in lower, "target" in lower)
    elif "none on inputs" in lower:
        got = minmax(got, False, "target scaled" in lower)
    elif "standardi" in lower:
        got = standardised(got)
    for by in re.findall(r"/\s*(\d+)", lower):
        got = (got[0] / float(by), got[1], None if got[2] is None else got[2] / float(by), got[3])
    return got


# Passes over the rows that stand for so many epochs, each with a permutation of its own.
PASSES = 5


def corrupted(got, case):
    """What a training does to its rows from epoch to epoch, as rows of their own."""
    text = str(case["data"].get("corruption", "")) + str(case.get("corruption", ""))
    if not text:
        return got, 1
    x, y, vx, vy = got
    random = np.random.RandomState(0)
    # A mean over all pairs of rows is that over rows with any target beside them.
    mixed = "permut" in text or "shuffl" in text or re.search(r"i\s*,\s*j", text)
    if mixed and ("epoch" in text or "i,j" in text.replace(" ", "")):
        copies = max(1, int(case["epochs"]) // PASSES)
        order = [random.permutation(len(y)) for _ in range(copies)]
        return (np.tile(x, (copies, 1)), np.concatenate([y[o] for o in order]), vx, vy), copies
    if mixed:
        return (x, y[random.permutation(len(y))], vx, vy), 1
    if "random" in text and "label" in text:
        return (x, random.choice(y, len(y)), vx, vy), 1
    if re.search(r"sign|negat|ascen|minus|sum|dropout", text):
        return got, 1  # said in the file of equations
    raise Unsaid(f"the corruption: {text}")


def main():
    folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    case = json.load(sys.stdin)
    data = case["data"]
    try:
        by_name = named(str(data.get("needs", data.get("formula", ""))))
        if "file" in data:
            got = of_file(case, data, folder)
        elif by_name:
            got = by_name(case, data, folder)
        elif "formula" in data:
            got = of_formula(case, data, folder)
        else:
            raise Unsaid(f"the data: {json.dumps(data)}")
        got = split(got, str(data.get("split", "")))
        if not by_name or "preprocess" in data:
            got = prepared(got, str(data.get("preprocess", "")))
        (x, y, vx, vy), copies = corrupted(got, case)
    except (Unsaid, OSError, ImportError) as why:
        print(json.dumps({"error": str(why)}))
        return
    outputs = case["layers"][-1]
    whole = np.all(y == np.floor(y)) and y.min() >= 0
    classes = int(y.max()) + 1 if whole and y.max() < 1000 else 0
    name = case["id"]
    kind = target_kind(case, outputs, classes)
    save = lambda part, x, y: np.savez(
        out / f"{name}-{part}.npz", x=x.astype(np.float32), y=target(y, kind, outputs))
    save("train", x, y)
    if vx is not None and len(vx):
        save("val", vx, vy)
    print(json.dumps({"rows": len(x), "inputs": x.shape[1], "kind": kind, "copies": copies,
                      "val": vx is not None and len(vx) > 0}))


def target_kind(case, outputs, classes):
    loss = str(case["loss"])
    sparse = "cross" in loss or "kull" in loss or "kld" in loss
    marks = case["data"].get("kind") in ("binary", "classification")
    last = case["activations"][-1]
    hot = "one-hot" in str(case["data"]) or "classes" in case["data"]
    classy = classes >= 2 and (sparse or marks or hot or (last == "softmax" and classes <= outputs))
    if outputs == 1:
        return "binary" if classes == 2 and classy else "number"
    if classy and classes == outputs:
        return "classes"
    if classy and classes < outputs:
        return "padded"
    return "spread"


def target(y, kind, outputs):
    if kind == "padded":
        return np.eye(outputs, dtype=np.float32)[y.astype(int)]
    if kind == "spread":
        return np.repeat(y[:, None], outputs, axis=1).astype(np.float32)
    return y.astype(np.int32 if kind == "classes" else np.float32)


if __name__ == "__main__":
    main()
