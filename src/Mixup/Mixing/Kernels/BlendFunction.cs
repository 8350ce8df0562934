using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A linear map under autograd. Its backward pass is the transposed map, through this same function, so that it can be differentiated again.
/// </summary>
internal sealed class BlendFunction : autograd.SingleTensorFunction<BlendFunction>
{
    // TorchSharp returns the pointer of our result to libtorch and forgets the object: its finalizer could free the tensor before libtorch has copied it. The next
    // backward pass of this thread comes after that.
    [ThreadStatic]
    private static (Tensor Result, Tensor Gradient)? last;

    public override string Name => "MixupBlend";

    /// <summary>Applies a map, and records it if gradients are asked for.</summary>
    public static Tensor Apply(LinearMap map, Tensor x)
    {
        if (!x.requires_grad || !is_grad_enabled())
        {
            return map.Apply(x);
        }

        // The function leaves wrappers of its inputs and outputs behind. The scope keeps them as long as libtorch reads them, and takes all but the result.
        using var scope = NewDisposeScope();
        var result = apply(x, map).MoveToOuterDisposeScope();
        GC.KeepAlive(x);
        return result;
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var map = (LinearMap)vars[1];
        ctx.save_data(nameof(map), map);
        return map.Apply((Tensor)vars[0]);
    }

    // An exception here would end the process: everything that could be wrong was checked on the way in.
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var result = Apply(((LinearMap)ctx.get_data("map")).Transposed, grad_output);
        last?.Result.Dispose();
        last?.Gradient.Dispose();
        last = (result, grad_output);
        return [result, null!];
    }
}
