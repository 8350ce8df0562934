namespace TorchSharp.Mixup;

/// <summary>
/// A pairing of your own, given as a function. It suits short rules, and languages such as F# that cannot derive a record from
/// <see cref="PairingRule"/>.
/// </summary>
public sealed record CustomPairing : PairingRule
{
    private readonly Func<PairingDrawing, IReadOnlyList<long>> draw;

    /// <summary>Initializes a rule with the function that draws the partners.</summary>
    /// <param name="name">The name of the rule, which <see cref="ToString"/> returns.</param>
    /// <param name="draw">
    /// The function that draws the partner of each of the B samples, from 0 to B - 1. Its result must depend on nothing but its argument.
    /// </param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    /// <exception cref="ArgumentNullException">The name or the function is null.</exception>
    public CustomPairing(string name, Func<PairingDrawing, IReadOnlyList<long>> draw)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(draw);
        (Name, this.draw) = (name, draw);
    }

    /// <summary>Gets the name of the rule.</summary>
    public string Name { get; }

    /// <summary>
    /// Gets whether the function makes pairs if <see cref="PairingDrawing.MustMakePairs"/> is true, as <see cref="CoefficientPer.Pair"/>
    /// requires. Default false.
    /// </summary>
    public bool CanMakePairs { get; init; }

    /// <inheritdoc/>
    public override bool MakesPairs => CanMakePairs;

    /// <inheritdoc/>
    public override IReadOnlyList<long> Draw(PairingDrawing drawing) => draw(drawing);

    /// <summary>Returns the name of the rule.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;
}
