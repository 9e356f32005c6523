"""How many parameters the described networks have, by arithmetic, against Table 2.

He et al. (2016) for ResNet-18 with one input channel, Kong et al. (2020) for CNN10 and CNN14; ten
outputs (§2.2), 64 bands (§3.2), and a projector of one linear layer (§2.1). Biases and the scale
and shift of batch normalisation count, running statistics do not.
"""

from harness.errors import ParamsError
from harness.extras.audit.finding import CONDITION, FAILS, HOLDS, Finding
from harness.extras.audit.gains import encoder
from harness.extras.audit.rounding import Span, inside, span
from harness.paper import Paper

EMOTIONS = 10
BANDS = 64
MILLION = 1e6
BLOCKS = {"cnn10": (64, 128, 256, 512), "cnn14": (64, 128, 256, 512, 1024, 2048)}
RESNET18 = (64, 128, 256, 512)


def convolution(inputs: int, outputs: int, kernel: int) -> int:
    """Weights of a k × k convolution without bias."""
    return kernel**2 * inputs * outputs


def linear(inputs: int, outputs: int, bias: bool = True) -> int:
    """Weights and biases of a linear layer."""
    return (inputs + bias) * outputs


def batch_norm(channels: int) -> int:
    """Scale and shift."""
    return 2 * channels


def pair(inputs: int, outputs: int) -> int:
    """Two 3 × 3 convolutions, each with batch normalisation: the block of all three encoders."""
    return (
        convolution(inputs, outputs, 3) + convolution(outputs, outputs, 3) + 2 * batch_norm(outputs)
    )


def resnet18() -> int:
    """The stem, four stages of two blocks, and 1 × 1 shortcuts where the channels change."""
    total = convolution(1, RESNET18[0], 7) + batch_norm(RESNET18[0])
    before = RESNET18[0]
    for channels in RESNET18:
        total += pair(before, channels) + pair(channels, channels)
        if before != channels:
            total += convolution(before, channels, 1) + batch_norm(channels)
        before = channels
    return total


def pann(channels: tuple[int, ...]) -> int:
    """Batch normalisation per band, the blocks, one hidden layer as wide as the last block."""
    blocks = sum(pair(i, o) for i, o in zip((1, *channels[:-1]), channels, strict=True))
    return batch_norm(BANDS) + blocks + linear(channels[-1], channels[-1])


def encoder_parameters(name: str) -> tuple[int, int]:
    """Parameters of an encoder, and the size of its representation; ParamsError if unknown."""
    if name == "resnet18":
        return resnet18(), RESNET18[-1]
    if name in BLOCKS:
        return pann(BLOCKS[name]), BLOCKS[name][-1]
    raise ParamsError(
        f"paper.yaml: no formula for the parameters of '{name}'; add it to "
        "harness/extras/audit/networks.py"
    )


def projectors(size: int, units: int) -> dict[str, int]:
    """Readings of "1 linear layer which has 2048 units" (§2.1), the first the usual one, the
    others with what the text leaves open."""
    return {
        "a bias": linear(size, units),
        "a bias and a learned batch normalisation": linear(size, units) + batch_norm(units),
        "no bias": linear(size, units, bias=False),
        "no bias and a learned batch normalisation": linear(size, units, bias=False)
        + batch_norm(units),
    }


def counts(row: str, units: int) -> dict[str, int]:
    """Reading of the projector → parameters of a row of Table 2; one reading for a vanilla row."""
    own, size = encoder_parameters(encoder(row))
    vanilla = own + linear(size, EMOTIONS)
    if row == encoder(row):
        return {"no projector": vanilla}
    return {name: vanilla + projector for name, projector in projectors(size, units).items()}


def parameter_findings(paper: Paper) -> list[Finding]:
    """Every printed count; what each encoder's rise says of the projector alone; and whether one
    reading of the projector fits all rows."""
    units = int(paper.settings["embedding"])
    rows = [_row(paper, name, units) for name in paper.table2]
    twins = [name for name in paper.table2 if name != encoder(name)]
    alike = {(encoder(name), paper.table2[name].params_m): name for name in reversed(twins)}
    rises = [_rise(paper, name, units) for name in twins if name in alike.values()]
    return [*rows, *rises, _one_reading(paper, twins, units)]


def _millions(ends: Span) -> str:
    return f"[{ends[0]:.3f}, {ends[1]:.3f}] M"


def _row(paper: Paper, name: str, units: int) -> Finding:
    row = paper.table2[name]
    wanted, place = span(row.params_m, MILLION), f"table2.{name}.params_m"
    readings = counts(name, units)
    described, exact = next(iter(readings.items()))
    fitting = [reading for reading, count in readings.items() if inside(count, wanted)]
    decimals = row.params_m.decimals
    own, size = encoder_parameters(encoder(name))
    calculation = f"encoder {own:,} + head ({size} + 1) · {EMOTIONS}"
    if len(readings) > 1:
        calculation += f" + projector ({size} + 1) · {units}"
    calculation += f" = {exact:,} = {exact / MILLION:.{decimals}f} M, printed {row.params_m.text}"
    if described in fitting:
        verdict, sentence = HOLDS, "The described network has as many."
    elif fitting:
        verdict, sentence = CONDITION, f"the projector has {fitting[0]}."
    else:
        least, most = sorted(abs(end - exact) for end in wanted)
        verdict = FAILS
        sentence = f"Not explained: {least:,.0f} to {most:,.0f} too "
        sentence += "many" if wanted[0] > exact else "few"
        if len(readings) > 1:
            sentence += ", and no reading of the projector fits"
            calculation += "; " + ", ".join(
                f"with {reading} {count / MILLION:.{decimals}f}"
                for reading, count in list(readings.items())[1:]
            )
        sentence += "."
    where = f"Table 2, {row.label}, # Param (M)"
    cause = "" if verdict == HOLDS else _cause([name])
    return Finding(place, where, verdict, sentence, calculation, (place,), {**readings}, cause)


def _cause(rows: list[str]) -> str:
    """Behind what does not fit: the counts of the rows' encoders, with or without projector."""
    named = dict.fromkeys(encoder(row) + "-rrtn" * (row != encoder(row)) for row in rows)
    return f"the parameters of {', '.join(named)}"


def _rise(paper: Paper, name: str, units: int) -> Finding:
    """The printed count minus the vanilla row's: the projector, whatever the encoder has."""
    ours, theirs = paper.table2[name].params_m, paper.table2[encoder(name)].params_m
    (low, high), (least, most) = span(ours), span(theirs)
    rise = (low - most, high - least)
    _, size = encoder_parameters(encoder(name))
    fits = [
        reading
        for reading, count in projectors(size, units).items()
        if inside(count / MILLION, rise)
    ]
    fewest, widest = (end * MILLION / (size + 1) for end in rise)
    if fits:
        verdict, sentence = (
            HOLDS,
            f"The rise is that of a projector with {', or with '.join(fits)}.",
        )
    else:
        verdict = FAILS
        sentence = (
            f"The rise is not that of a linear layer of {units} units, whatever the encoder has: "
            f"it would need {fewest:.0f} to {widest:.0f} units."
        )
    return Finding(
        f"table2.{name}.rise",
        f"Table 2, {paper.table2[name].label}, # Param less the vanilla row's",
        verdict,
        sentence,
        f"{ours.text} − {theirs.text} in {_millions(rise)}; "
        f"({size} + 1) · {units} = {linear(size, units) / MILLION:.3f} M",
        (),
        {"lowest": rise[0], "highest": rise[1], "projector": linear(size, units)},
        "" if fits else _cause([name]),
    )


def _one_reading(paper: Paper, twins: list[str], units: int) -> Finding:
    """Rows that each reading of the projector fits."""
    fits: dict[str, list[str]] = {}
    for name in twins:
        wanted = span(paper.table2[name].params_m, MILLION)
        for reading, count in counts(name, units).items():
            fits.setdefault(reading, []).extend([name] if inside(count, wanted) else [])
    best = max(fits, key=lambda reading: len(fits[reading]))
    others = [name for name in twins if name not in fits[best]]
    alike = [reading for reading in fits if len(fits[reading]) == len(fits[best])]
    if len(fits[best]) == len(twins):
        verdict, sentence = HOLDS, f"A projector with {' or '.join(alike)} fits every row."
    else:
        verdict = FAILS
        sentence = (
            f"No reading fits all; a projector with {' or '.join(alike)} fits all but "
            f"{', '.join(others)}."
        )
    calculation = "; ".join(
        f"{reading}: {len(rows)} of {len(twins)} rows" for reading, rows in fits.items()
    )
    values = {reading: len(rows) for reading, rows in fits.items()}
    where = "Table 2, # Param (M), all RRTN rows"
    cause = _cause(others) if others else ""
    return Finding("table2.projector", where, verdict, sentence, calculation, (), {**values}, cause)
