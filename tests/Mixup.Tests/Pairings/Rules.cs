namespace TorchSharp.Mixup.Tests;

/// <summary>The pairings that tests go through, by name.</summary>
internal static class Rules
{
    /// <summary>Those that look at nothing.</summary>
    public static readonly Dictionary<string, PairingRule> Blind = new()
    {
        ["permutation"] = Pairing.Permutation,
        ["halves"] = Pairing.Halves,
        ["flip"] = Pairing.Flip,
        ["roll"] = Pairing.Roll,
    };

    /// <summary>All of them, and one of one's own.</summary>
    public static readonly Dictionary<string, PairingRule> All = new(Blind)
    {
        ["within a class"] = Pairing.WithinClass,
        ["across classes"] = Pairing.AcrossClasses,
        ["similar targets"] = Pairing.SimilarTargets(0.7),
        ["similar inputs"] = Pairing.SimilarInputs(x => cdist(x.flatten(1), x.flatten(1)), 2),
        ["with the second"] = new Own(drawing => [.. Enumerable.Repeat(1L, drawing.BatchSize)]),
    };

    /// <summary>A pairing that a test writes down.</summary>
    public sealed record Own(Func<PairingDrawing, IReadOnlyList<long>> Function) : PairingRule
    {
        public bool HasPairs { get; init; }

        public override bool MakesPairs => HasPairs;

        public override IReadOnlyList<long> Draw(PairingDrawing drawing) => Function(drawing);
    }
}
