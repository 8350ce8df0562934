namespace TorchSharp.Mixup;

/// <summary>Makes and checks pairs of samples that are each other's partners.</summary>
internal static class Pairs
{
    /// <summary>Writes the partners of pairs.</summary>
    /// <param name="partners">The partners, to which the method writes.</param>
    /// <param name="pairs">The pairs.</param>
    /// <param name="odd">A sample that forms a cycle of three with the last pair. Without pairs, it is its own partner.</param>
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
    /// Returns whether every sample is in a pair, alone, or in a cycle of three. These are the groups that can share a coefficient.
    /// </summary>
    public static bool AreMade(IReadOnlyList<long> partners) => Enumerable.Range(0, partners.Count).All(sample =>
    {
        var partner = partners[sample];
        var next = partners[(int)partner];
        return next == sample || (partner != sample && partners[(int)next] == sample);
    });
}
