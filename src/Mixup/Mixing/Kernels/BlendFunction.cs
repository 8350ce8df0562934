using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Blending under autograd. Its backward pass is the transposed blend, through this same function, so that it can be differentiated again.
/// </summary>
internal sealed class BlendFunction : autograd.SingleTensorFunction<BlendFunction>
{
    public override string Name => "MixupBlend";

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (input, mix, transposed) = ((Tensor)vars[0], (Mix)vars[1], (bool)vars[2]);
        ctx.save_data("mix", mix);
        ctx.save_data("transposed", transposed);
        return mix.Apply(input, transposed);
    }

    // An exception here would end the process: everything that could be wrong was checked on the way in.
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
        [((Mix)ctx.get_data("mix")).Apply(grad_output, !(bool)ctx.get_data("transposed")), null!, null!];
}
