using System.Collections;
using System.Runtime.CompilerServices;

namespace TorchSharp.Mixup;

/// <summary>The sizes of the d dimensions of a field: the height and width of an image, or the length of a sequence.</summary>
[CollectionBuilder(typeof(Extent), nameof(Create))]
public sealed class Extent : IReadOnlyList<long>, IEquatable<Extent>
{
    private readonly long[] sizes;

    /// <summary>Initializes an extent.</summary>
    /// <param name="sizes">The size of each dimension, 1 or more.</param>
    /// <exception cref="ArgumentException">The list is empty, or a size is below 1.</exception>
    public Extent(params ReadOnlySpan<long> sizes)
    {
        if (sizes.IsEmpty)
        {
            throw new ArgumentException("An extent has no dimension; expected one size or more. " +
                "Give the sizes of the dimensions to cut along.", nameof(sizes));
        }

        foreach (var size in sizes)
        {
            if (size < 1)
            {
                throw new ArgumentException($"A size is {size}; expected 1 or more. Give the number of cells along each " +
                    "dimension.", nameof(sizes));
            }
        }

        this.sizes = sizes.ToArray();
    }

    /// <summary>Initializes an extent from an array, for languages without spans such as F#.</summary>
    /// <param name="sizes">The size of each dimension, 1 or more.</param>
    /// <exception cref="ArgumentNullException"><paramref name="sizes"/> is null.</exception>
    /// <exception cref="ArgumentException">The list is empty, or a size is below 1.</exception>
    public Extent(params long[] sizes)
        : this((ReadOnlySpan<long>)(sizes ?? throw new ArgumentNullException(nameof(sizes))))
    {
    }

    /// <summary>Gets the number of dimensions, d.</summary>
    public int Count => sizes.Length;

    /// <summary>Gets the number of cells, which is the product of the sizes.</summary>
    public long Cells => sizes.Aggregate(1L, (product, size) => checked(product * size));

    /// <summary>Gets the size of a dimension.</summary>
    /// <param name="index">The dimension, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The extent has no such dimension.</exception>
    public long this[int index] => (uint)index < (uint)sizes.Length
        ? sizes[index]
        : throw new ArgumentOutOfRangeException(
            nameof(index), index,
                $"The extent {this} has {sizes.Length} dimension{(sizes.Length > 1 ? "s" : string.Empty)}, counted from 0.");

    /// <summary>Makes an extent, for collection expressions.</summary>
    /// <param name="sizes">The size of each dimension, 1 or more.</param>
    /// <returns>The extent.</returns>
    public static Extent Create(ReadOnlySpan<long> sizes) => new(sizes);

    /// <summary>Compares two extents by their sizes.</summary>
    /// <param name="left">One extent.</param>
    /// <param name="right">The other extent.</param>
    /// <returns>True if all sizes are equal.</returns>
    public static bool operator ==(Extent? left, Extent? right) => left is null ? right is null : left.Equals(right);

    /// <summary>Compares two extents by their sizes.</summary>
    /// <param name="left">One extent.</param>
    /// <param name="right">The other extent.</param>
    /// <returns>True if a size differs.</returns>
    public static bool operator !=(Extent? left, Extent? right) => !(left == right);

    /// <inheritdoc/>
    public bool Equals(Extent? other) => other is not null && sizes.AsSpan().SequenceEqual(other.sizes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Extent);

    /// <inheritdoc/>
    public override int GetHashCode() => sizes.Aggregate(sizes.Length, HashCode.Combine);

    /// <summary>Returns the sizes as text, in the form of a shape.</summary>
    /// <returns>Text such as <c>[8, 6]</c>.</returns>
    public override string ToString() => $"[{string.Join(", ", sizes)}]";

    /// <inheritdoc/>
    public IEnumerator<long> GetEnumerator() => sizes.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal long[] ToArray() => [.. sizes];

    /// <summary>Checks that a field over this extent can be resampled to another one.</summary>
    internal void CheckDimensionsOf(Extent other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.Count != Count)
        {
            throw new ArgumentException($"A field over the extent {this} cannot be resampled to {other}; expected {Count} dimensions. " +
                "Give an extent of as many.", nameof(other));
        }
    }
}
