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

    /// <summary>The official code and fastai: a cross-entropy for each target.</summary>
    public static Tensor TwoCrossEntropies(Tensor logits, Tensor a, Tensor b, Tensor lambda)
    {
        var own = nn.functional.cross_entropy(logits, a, reduction: nn.Reduction.None);
        var partner = nn.functional.cross_entropy(logits, b, reduction: nn.Reduction.None);
        return partner.lerp(own, lambda).mean();
    }
}
