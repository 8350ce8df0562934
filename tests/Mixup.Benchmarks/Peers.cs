namespace TorchSharp.Mixup.Benchmarks;

/// <summary>How other implementations do it, operation by operation, in the same libtorch.</summary>
internal static class Peers
{
    /// <summary>timm, data/mixup.py: one coefficient for the batch, in place, the batch reversed.</summary>
    public static void Timm(Tensor x, double lambda)
    {
        using var flipped = x.flip(0).mul_(1 - lambda);
        x.mul_(lambda).add_(flipped);
    }

    /// <summary>fastai, callback/mixup.py: <c>torch.lerp(x[shuffle], x, lam)</c>.</summary>
    public static Tensor Fastai(Tensor x, Tensor permutation, Tensor lambda) => x.index(TensorIndex.Tensor(permutation)).lerp(x, lambda);

    /// <summary>The same by <c>index_select</c>, in place where it can.</summary>
    public static Tensor IndexSelect(Tensor x, Tensor permutation, Tensor lambda) =>
        x.requires_grad ? x.index_select(0, permutation).lerp(x, lambda) : x.index_select(0, permutation).lerp_(x, lambda);

    /// <summary>timm, data/mixup.py: one box for the batch, in place, the partners by reversing the batch.</summary>
    public static void TimmCutMix(Tensor x, (long Top, long Bottom, long Left, long Right) box)
    {
        using var flipped = x.flip(0);
        Paste(x, flipped, box);
    }

    /// <summary>torchvision, transforms/v2/_augment.py: the batch rolled by one, and pasted into a clone.</summary>
    public static Tensor TorchvisionCutMix(Tensor x, (long Top, long Bottom, long Left, long Right) box)
    {
        using var rolled = x.roll(1, 0);
        var result = x.clone();
        Paste(result, rolled, box);
        return result;
    }

    /// <summary>
    /// fastai, callback/mixup.py: <c>x[shuffle]</c>, whose box goes into the batch. What was there is lost, so this one is no clone of the
    /// batch.
    /// </summary>
    public static void FastaiCutMix(Tensor x, Tensor permutation, (long Top, long Bottom, long Left, long Right) box)
    {
        using var shuffled = x.index(TensorIndex.Tensor(permutation));
        Paste(x, shuffled, box);
    }

    /// <summary>timm, data/mixup.py, mode "elem": a clone, and a box for each sample.</summary>
    public static void TimmCutMixElem(Tensor x, (long Top, long Bottom, long Left, long Right)[] boxes)
    {
        using var original = x.clone();
        for (var i = 0; i < boxes.Length; i++)
        {
            using var scope = NewDisposeScope();
            Paste(x[i], original[boxes.Length - 1 - i], boxes[i]);
        }
    }

    /// <summary>OpenMixup, models/utils/mixup_input/resizemix: the partner interpolated to the box, and pasted into a clone.</summary>
    public static Tensor OpenMixupResize(Tensor x, Tensor permutation, (long Top, long Bottom, long Left, long Right) box)
    {
        using var shuffled = x.index(TensorIndex.Tensor(permutation));
        long[] size = [box.Bottom - box.Top, box.Right - box.Left];
        using var small = nn.functional.interpolate(shuffled, size, mode: InterpolationMode.Nearest);
        var result = x.clone();
        using var there = result.narrow(-2, box.Top, box.Bottom - box.Top).narrow(-1, box.Left, box.Right - box.Left);
        there.copy_(small);
        return result;
    }

    private static void Paste(Tensor into, Tensor from, (long Top, long Bottom, long Left, long Right) box)
    {
        using var scope = NewDisposeScope();
        Tensor Cut(Tensor tensor) => tensor.narrow(-2, box.Top, box.Bottom - box.Top).narrow(-1, box.Left, box.Right - box.Left);
        Cut(into).copy_(Cut(from));
    }

    /// <summary>The official code and fastai: a cross-entropy for each target.</summary>
    public static Tensor TwoCrossEntropies(Tensor logits, Tensor a, Tensor b, Tensor lambda)
    {
        var own = nn.functional.cross_entropy(logits, a, reduction: nn.Reduction.None);
        var partner = nn.functional.cross_entropy(logits, b, reduction: nn.Reduction.None);
        return partner.lerp(own, lambda).mean();
    }
}
