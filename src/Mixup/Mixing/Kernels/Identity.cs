using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>The identity map, for a batch of any type.</summary>
internal sealed class Identity : LinearMap
{
    public override LinearMap Transposed => this;

    public override Tensor Apply(Tensor x) => x.clone();

    public override bool Copies(Tensor x) => true;

    public override void Dispose()
    {
    }
}
