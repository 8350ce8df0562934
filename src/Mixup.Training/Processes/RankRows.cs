using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup.Training;

/// <summary>The rows of a tensor whose batches were shared out, put together again.</summary>
internal static class RankRows
{
    private const int MostDimensions = 16;

    /// <summary>Gathers the rows of all ranks in the order of one process. All ranks have met before.</summary>
    /// <param name="own">The rows of this rank, contiguous on the CPU; null if it has none.</param>
    /// <param name="rows">How many of them each batch has; as many batches on all ranks.</param>
    /// <param name="what">What they are, for errors.</param>
    /// <param name="communicator">The ranks.</param>
    /// <returns>The parts, to be joined.</returns>
    /// <exception cref="InvalidOperationException">Two ranks have rows of different types or shapes. All ranks throw.</exception>
    public static IReadOnlyList<Tensor> Gather(Tensor? own, IReadOnlyList<long> rows, string what, Communicator communicator)
    {
        var headers = Gather<long>(Header(own), communicator);
        var counts = Gather<long>([.. rows], communicator);
        var filled = Array.FindIndex(headers, header => header[0] > 0);
        if (filled < 0)
        {
            return [];
        }

        var shape = headers[filled][3..(2 + (int)headers[filled][0])];
        for (var rank = 0; rank < headers.Length; rank++)
        {
            var header = headers[rank];
            if (header[0] > 0 && (header[0] != headers[filled][0] || header[1] != headers[filled][1]
                || !header.AsSpan(3, (int)header[0] - 1).SequenceEqual(shape)))
            {
                throw communicator.Meetings.Known(new InvalidOperationException(
                    $"{what} have other shapes or types on rank {rank} than on rank {filled}, and cannot be joined. " +
                    "Make all batches alike."));
            }
        }

        var tensors = new Tensor?[headers.Length];
        for (var rank = 0; rank < tensors.Length; rank++)
        {
            if (headers[rank][0] > 0)
            {
                tensors[rank] = rank == communicator.Rank ? own! : empty([headers[rank][2], .. shape], (ScalarType)headers[filled][1]);
                foreach (var part in TensorMemory.Parts(tensors[rank]!))
                {
                    communicator.SendAll(part.bytes, rank);
                }
            }
        }

        return Ordered(tensors, counts);
    }

    // Rank, type and sizes.
    private static long[] Header(Tensor? own)
    {
        var header = new long[2 + MostDimensions];
        if (own is not null)
        {
            (header[0], header[1]) = (own.dim(), (long)own.dtype);
            own.shape.CopyTo(header, 2);
        }

        return header;
    }

    private static List<Tensor> Ordered(Tensor?[] tensors, long[][] counts)
    {
        var ordered = new List<Tensor>();
        var at = new long[tensors.Length];
        for (var batch = 0; batch < counts[0].Length; batch++)
        {
            for (var rank = 0; rank < tensors.Length; rank++)
            {
                if (counts[rank][batch] > 0)
                {
                    ordered.Add(tensors[rank]!.narrow(0, at[rank], counts[rank][batch]).clone());
                    at[rank] += counts[rank][batch];
                }
            }
        }

        return ordered;
    }

    private static T[][] Gather<T>(T[] own, Communicator communicator)
        where T : unmanaged
    {
        var all = new T[own.Length * communicator.Size];
        communicator.Gather(MemoryMarshal.AsBytes(own.AsSpan()), MemoryMarshal.AsBytes(all.AsSpan()));
        return own.Length == 0 ? [.. Enumerable.Repeat(own, communicator.Size)] : [.. all.Chunk(own.Length)];
    }
}
