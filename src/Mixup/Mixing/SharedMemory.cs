using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Checks which inputs may be overwritten. Memory that is mixed twice, or read after it was written, gives wrong numbers without an error
/// of torch.
/// </summary>
internal static unsafe class SharedMemory
{
    private static readonly delegate* unmanaged<nint, nint> StorageAddress =
        (delegate* unmanaged<nint, nint>)LibTorchSharp.Find("THSStorage_data_ptr");

    /// <summary>Checks the inputs of a batch before any of them is written to.</summary>
    /// <exception cref="ArgumentException">An input cannot be overwritten by the mix.</exception>
    public static void CheckOverwritable(IReadOnlyList<Tensor> inputs, Tensor target, Mix mix)
    {
        const string cure = "Leave OverwriteInput off";
        if (mix.Rows != mix.BatchSize)
        {
            throw Check.Error("draw", $"The draw returns two rows for each sample, {mix.Rows} in all, which do not fit into a batch " +
                $"of {mix.BatchSize}. {cure}, or replay a draw with one output.");
        }

        for (var i = 0; i < inputs.Count; i++)
        {
            var input = inputs[i];
            if (input.requires_grad)
            {
                throw Check.Error("inputs", $"Input {i} requires gradients, so it cannot be overwritten. {cure}, or detach it.");
            }

            if (OverlapsItself(input))
            {
                throw Check.Error("inputs", $"Input {i} cannot be overwritten, since its elements share memory, as after expand or " +
                    $"unfold. {cure}, or clone the input.");
            }

            if (inputs.Take(i).Any(other => Overlap(input, other)))
            {
                throw Check.Error("inputs", $"Input {i} shares memory with another input, which would be mixed twice. " +
                    $"{cure}, or clone one of them.");
            }

            if (Overlap(input, target))
            {
                throw Check.Error("inputs", $"Input {i} shares memory with the target, which would be mixed with it. " +
                    $"{cure}, or clone the target.");
            }
        }

        foreach (var input in inputs)
        {
            CheckInference(input, cure);
        }
    }

    /// <summary>Returns whether two tensors share an element, or might, if their layouts are too complex to decide.</summary>
    private static bool Overlap(Tensor a, Tensor b)
    {
        if (ReferenceEquals(a, b))
        {
            return true;
        }

        if (StorageAddress == null || a.is_sparse || b.is_sparse || a.numel() == 0 || b.numel() == 0 || a.device_type != b.device_type
            || a.device_index != b.device_index || StorageAddress(a.Handle) == 0 || StorageAddress(b.Handle) == 0)
        {
            return false;
        }

        var (first, second) = (Bytes(a), Bytes(b));
        if (first.To <= second.From || second.To <= first.From)
        {
            return false;
        }

        // Columns of one table do not overlap if each row has the same stride and its own part of it.
        var (stride, length) = (a.stride(0) * a.element_size(), (RowLength(a), RowLength(b)));
        if (stride != b.stride(0) * b.element_size() || stride <= 0)
        {
            return true;
        }

        var distance = (((second.From - first.From) % stride) + stride) % stride;
        return distance < length.Item1 || distance + length.Item2 > stride;
    }

    /// <summary>
    /// Returns the addresses that a tensor spans. Comparing storages is not enough, since two of them may cover the same memory.
    /// </summary>
    private static (long From, long To) Bytes(Tensor x)
    {
        var from = StorageAddress(x.Handle) + (x.storage_offset() * x.element_size());
        return (from, from + (Span(x, 0) * x.element_size()));
    }

    private static long RowLength(Tensor x) => Span(x, 1) * x.element_size();

    /// <summary>
    /// Returns the number of elements from the first to the last one, inclusive, over the dimensions from <paramref name="from"/> on.
    /// </summary>
    private static long Span(Tensor x, int from) =>
        1 + x.shape.Zip(x.stride()).Skip(from).Sum(dimension => (dimension.First - 1) * dimension.Second);

    /// <summary>Returns whether two elements of one tensor share memory, or might, if its layout is too complex to decide.</summary>
    private static bool OverlapsItself(Tensor x)
    {
        if (x.is_contiguous())
        {
            return false;
        }

        var reach = 0L;
        foreach (
            var (size, stride) in x.shape.Zip(x.stride()).Where(dimension => dimension.First > 1).OrderBy(dimension => dimension.Second))
        {
            if (stride <= reach)
            {
                return true;
            }

            reach += (size - 1) * stride;
        }

        return false;
    }

    // Only an in-place operation detects an inference tensor. This one changes nothing.
    private static void CheckInference(Tensor inputs, string cure)
    {
        try
        {
            inputs.transpose_(0, 0);
        }
        catch (ExternalException e)
        {
            throw new ArgumentException(
                $"An input was made in inference mode, so it cannot be overwritten outside of it. {cure}, or clone the input.",
                nameof(inputs),
                e);
        }
    }
}
