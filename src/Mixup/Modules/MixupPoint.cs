using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Marks a place for manifold mixup (nestordemeure's <c>ManifoldMixupModule</c>). Where a model has one or more of them, they are the
/// eligible modules, and nothing is guessed; the input is a place beside them, unless <see cref="ManifoldPlaces.WithoutInput"/> says
/// otherwise. Wraps a module, or stands alone in <c>forward</c> where the tensor to be mixed is; without
/// mixup it changes nothing.
/// </summary>
public sealed class MixupPoint : nn.Module<Tensor, Tensor>
{
    private readonly nn.Module<Tensor, Tensor>? inner;

    /// <summary>Marks a module's output, or, alone, whatever goes through.</summary>
    /// <param name="inner">The module. Default: none.</param>
    public MixupPoint(nn.Module<Tensor, Tensor>? inner = null)
        : base(nameof(MixupPoint))
    {
        this.inner = inner;
        if (inner is not null)
        {
            register_module(nameof(inner), inner);
        }
    }

    /// <summary>Runs the wrapped module, or passes the input on.</summary>
    /// <param name="input">What the wrapped module takes.</param>
    /// <returns>What it gives; without one, the input.</returns>
    public override Tensor forward(Tensor input) => inner?.call(input) ?? input.alias();
}
