"""What other programs make of chainrule's files.

    check.py onnx MODEL ROWS PREDICTED [--names A,B] [--missing ?] [--strip .] [--tolerance 1e-5]
    check.py onnx-all FOLDER [--tolerance 1e-5]   every NAME.onnx with NAME.rows.csv, NAME.csv
    check.py safetensors WEIGHTS CSV              the same numbers, bit by bit
    check.py events FOLDER EPOCHS                 TensorBoard's reader against epochs.csv
    check.py study URL NAME --trials 8            optuna.load_study and optuna-dashboard's reader

In: files that a test has written. Out: one line that says what was compared; a difference is an
AssertionError that names row and column. Nothing here knows how chainrule writes its files.
"""

import argparse
import csv
import gzip
import io
import json
import math
import pathlib
import sys


def table(path, names=None, strip=""):
    """Columns of trimmed words by name."""
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        rows = [[c.strip().rstrip(strip).strip() if strip else c.strip() for c in row]
                for row in csv.reader(file) if row]
    names = names or rows.pop(0)
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def feed(session, columns, missing):
    """The inputs that the model asks for, from the cells of a table."""
    import numpy

    def number(word):
        return math.nan if word in ("", "NA", *missing) else float(word)

    feeds = {}
    for value in session.get_inputs():
        rows, width = value.shape
        assert rows == "N", f"{value.name}: the number of rows is fixed"
        if value.type == "tensor(string)":
            cells = numpy.array(columns[value.name], dtype=object).reshape(-1, 1)
        elif width == 1 and value.name in columns:
            cells = numpy.array([number(w) for w in columns[value.name]]).reshape(-1, 1)
        else:
            # One input for a whole symbol: its columns in the order of the file.
            part = list(columns.values())[:width]
            cells = numpy.array([[number(w) for w in c] for c in part]).T.copy()
        feeds[value.name] = cells
    return feeds


def compare(model, columns, expected, missing=(), tolerance=1e-5):
    """The largest difference between a model's outputs and a prediction of chainrule."""
    import numpy
    import onnx
    import onnxruntime

    onnx.checker.check_model(onnx.load(model), full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options)
    feeds = feed(session, columns, missing)
    names = [o.name for o in session.get_outputs()]
    # An output steps aside for a column of its name.
    found = {n.removesuffix("_2"): v for n, v in zip(names, session.run(names, feeds))}
    assert all(n not in feeds for n in names), names
    head = list(expected)
    if "label" in found:
        label = [str(v) for v in found["label"]]
        for i, (got, want) in enumerate(zip(label, expected[head[0]], strict=True)):
            assert got == want, f"{model}: row {i + 1}: label {got}, chainrule {want}"
        head = head[1:]
        values = found["probabilities"]
        # Of two classes chainrule prints the second's probability.
        values = values[:, 1:] if len(head) == 1 else values
    else:
        values = found["value"]
    want = numpy.array([[float(v) for v in expected[h]] for h in head]).T
    assert values.shape == want.shape, f"{model}: {values.shape}, chainrule {want.shape}"
    values = values.astype(numpy.float64)
    same = (values == want) | (numpy.isnan(values) & numpy.isnan(want))
    off = numpy.where(same, 0.0, numpy.abs(values - want) / numpy.maximum(1.0, numpy.abs(want)))
    off = numpy.where(numpy.isnan(off), math.inf, off)
    at = numpy.unravel_index(off.argmax(), off.shape)
    assert off[at] <= tolerance, (
        f"{model}: row {at[0] + 1}, {head[at[1]]}: {values[at]}, chainrule {want[at]}"
    )
    return len(want), off[at]


def check_onnx(args):
    columns = table(args.rows, args.names and args.names.split(","), args.strip)
    rows, off = compare(
        args.model, columns, table(args.predicted), args.missing, args.tolerance
    )
    print(f"{rows} rows, largest difference {off:.2e}")


def check_onnx_all(args):
    models = sorted(pathlib.Path(args.folder).glob("*.onnx"))
    worst = 0.0
    for model in models:
        rows, expected = model.with_suffix(".rows.csv"), model.with_suffix(".csv")
        _, off = compare(str(model), table(rows), table(expected), (), args.tolerance)
        worst = max(worst, off)
    print(f"{len(models)} models, largest difference {worst:.2e}")


def check_safetensors(args):
    import numpy
    from safetensors import safe_open

    lines = table(args.csv)
    at = 0
    with safe_open(args.weights, framework="numpy") as file:
        assert "equations" in file.metadata(), file.metadata()
        names = list(dict.fromkeys(lines["parameter"]))
        assert sorted(file.keys()) == sorted(names), (file.keys(), names)
        for name in names:
            tensor = file.get_tensor(name)
            for (row, column), value in numpy.ndenumerate(tensor):
                place = lines["row"][at], lines["column"][at]
                assert place == (str(row + 1), str(column + 1)), f"{name}: {place}"
                read = tensor.dtype.type(lines["value"][at])
                assert read == value, f"{name}[{row + 1},{column + 1}]: {read}, {value}"
                at += 1
    assert at == len(lines["value"])
    print(f"{len(names)} parameters, {at} numbers")


def check_events(args):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(args.folder)
    events.Reload()
    epochs = table(args.epochs)
    # The columns of epochs.csv under the tags of the event file.
    tags = {"learning_rate": "lr", "gradient_norm": "gradient_norm"}
    for column in epochs:
        for part in ("train", "held_out"):
            name = column.removeprefix(part + "_")
            if name != column and name != "objective":
                tags[f"{name}/{part}"] = column
    assert sorted(events.Tags()["scalars"]) == sorted(tags), events.Tags()["scalars"]
    for tag, column in tags.items():
        points = events.Scalars(tag)
        assert [p.step for p in points] == [int(e) for e in epochs["epoch"]], tag
        for point, value in zip(points, epochs[column], strict=True):
            off = abs(point.value - float(value))
            assert off <= 1e-6 * max(1.0, abs(float(value))), (tag, point, value)
    times = [p.wall_time for p in events.Scalars("loss/train")]
    assert times == sorted(times)
    print(f"{len(tags)} tags, {len(epochs['epoch'])} epochs")


def check_folds(trial, folds):
    """A trial's figure is the mean over its folds; after each rung there is one."""
    import numpy

    own = trial.user_attrs["folds"]
    assert len(own) == folds, own
    last = trial.intermediate_values[max(trial.intermediate_values)]
    assert math.isclose(numpy.mean(own), last, rel_tol=1e-12), (own, last)
    assert math.isclose(numpy.std(own, ddof=1), trial.user_attrs["spread"], rel_tol=1e-9), own
    assert trial.value is None or trial.value == last, trial


def check_study(args):
    """A study as Optuna sees it: numbers without gaps, each trial once, its best, its curve."""
    import optuna
    from optuna.trial import TrialState
    from optuna_dashboard import wsgi

    url = args.url.replace("postgresql://", "postgresql+psycopg2://")
    storage = optuna.storages.RDBStorage(url)
    study = optuna.load_study(study_name=args.name, storage=storage)
    assert [t.number for t in study.trials] == list(range(args.trials)), study.trials
    over = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    assert all(t.state in over for t in study.trials), [t.state for t in study.trials]
    done = [t for t in study.trials if t.state == TrialState.COMPLETE]
    assert study.best_value == min(t.value for t in done)
    for trial in study.trials:
        assert trial.datetime_complete >= trial.datetime_start, trial
        for name, kind in trial.distributions.items():
            assert kind._contains(kind.to_internal_repr(trial.params[name])), trial
        steps = sorted(trial.intermediate_values)
        if args.folds:
            check_folds(trial, args.folds)
        else:
            assert steps == list(range(1, len(steps) + 1)), steps
    best = study.best_trial
    assert best.value == best.user_attrs["held_loss"], best
    # What the dashboard's page asks its server for.
    app = wsgi(storage)
    answers = []
    environment = {"REQUEST_METHOD": "GET", "PATH_INFO": f"/api/studies/{study._study_id}",
                   "SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.url_scheme": "http",
                   "wsgi.input": io.BytesIO(), "QUERY_STRING": "after=0"}
    body = b"".join(app(environment, lambda status, head, *_: answers.append(status)))
    assert answers[0].startswith("200"), (answers, body)
    assert len(json.loads(body)["trials"]) == args.trials
    print(f"{args.trials} trials, best {best.number}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    onnx = commands.add_parser("onnx")
    for name in ("model", "rows", "predicted"):
        onnx.add_argument(name)
    onnx.add_argument("--names", default="")
    onnx.add_argument("--missing", action="append", default=[])
    onnx.add_argument("--strip", default="")
    onnx.add_argument("--tolerance", type=float, default=1e-5)
    onnx.set_defaults(run=check_onnx)
    every = commands.add_parser("onnx-all")
    every.add_argument("folder")
    every.add_argument("--tolerance", type=float, default=1e-5)
    every.set_defaults(run=check_onnx_all)
    weights = commands.add_parser("safetensors")
    weights.add_argument("weights")
    weights.add_argument("csv")
    weights.set_defaults(run=check_safetensors)
    events = commands.add_parser("events")
    events.add_argument("folder")
    events.add_argument("epochs")
    events.set_defaults(run=check_events)
    study = commands.add_parser("study")
    study.add_argument("url")
    study.add_argument("name")
    study.add_argument("--trials", type=int, required=True)
    study.add_argument("--folds", type=int)
    study.set_defaults(run=check_study)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    sys.exit(main())
