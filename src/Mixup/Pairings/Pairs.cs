namespace TorchSharp.Mixup;

/// <summary>Samples that are each other's partners.</summary>
internal static class Pairs
{
    /// <summary>Makes the two of each pair each other's partners.</summary>
    /// <param name="partners">Where the partners are written.</param>
    /// <param name="pairs">The pairs.</param>
    /// <param name="odd">A sample that closes a ring of three with the last pair; alone it is its own partner.</param>
    public static void Join(long[] partners, IReadOnlyList<(long First, long Second)> pairs, long? odd)
    {
        foreach (var (first, second) in pairs)
        {
            (partners[first], partners[second]) = (second, first);
        }

        if (odd is { } single)
        {
            partners[single] = single;
            if (pairs.Count > 0)
            {
                var (first, second) = pairs[^1];
                (partners[second], partners[single]) = (single, first);
            }
        }
    }

    /// <summary>
    /// Whether partners are mutual, or stand alone or in a ring of three: those who share a coefficient are then told apart.
    /// </summary>
    public static bool AreMade(IReadOnlyList<long> partners) => Enumerable.Range(0, partners.Count).All(sample =>
    {
        var partner = partners[sample];
        var next = partners[(int)partner];
        return next == sample || (partner != sample && partners[(int)next] == sample);
    });
}
