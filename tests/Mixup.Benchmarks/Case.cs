namespace TorchSharp.Mixup.Benchmarks;

/// <summary>Something that is timed: set up once, and run many times, each in a dispose scope of its own.</summary>
internal sealed record Contender(string Name, Action Run);

/// <summary>
/// What is compared. A ratio is the time of a contender over that of ours: above 1 we are faster. Where a <see cref="Bound"/> is given for
/// a contender, the ratio must reach it (or, for a limit that we cannot beat, our own time over its must not exceed it).
/// </summary>
internal sealed record Case(string Name, Contender Ours, IReadOnlyList<(Contender Other, Bound? Bound)> Others);

/// <summary>A promise about a ratio.</summary>
/// <param name="AtLeast">How many times faster than the other; null where there is no such promise.</param>
/// <param name="AtMost">How many times as long as the other; null where there is no such promise.</param>
internal sealed record Bound(double? AtLeast = null, double? AtMost = null)
{
    /// <summary>Whether a speed-up keeps the promise.</summary>
    public bool Holds(double speedUp) => (AtLeast is not { } least || speedUp >= least) && (AtMost is not { } most || 1 / speedUp <= most);

    public override string ToString() => AtLeast is { } least
        ? FormattableString.Invariant($"at least {least:0.##}x")
        : FormattableString.Invariant($"at most {AtMost:0.##}x as long");
}
