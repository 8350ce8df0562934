using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// A linear map under autograd. Its backward pass is the transposed map, through this same function, so that it can be differentiated
/// again.
/// </summary>
internal sealed class BlendFunction : autograd.SingleTensorFunction<BlendFunction>
{
    // TorchSharp passes pointers of tensors to libtorch and forgets the objects: a finalizer could free them before libtorch has copied
    // them. This thread's next call comes after that, forward or backward; the memory is then used again. Without a dispose scope, both
    // would otherwise wait for the finalizer anyway.
    [ThreadStatic]
    private static (Tensor Result, Tensor Gradient)? lastBackward;

    // The same for a result on which backward() is called at once.
    [ThreadStatic]
    private static Tensor? lastForward;

    public override string Name => "MixupBlend";

    /// <summary>Applies a map, and records it if gradients are asked for.</summary>
    public static Tensor Apply(LinearMap map, Tensor x)
    {
        if (!x.requires_grad || !is_grad_enabled())
        {
            return map.Apply(x);
        }

        ReleaseLastBackward();

        // The function leaves wrappers of its inputs and outputs behind. The scope keeps them as long as libtorch reads them, and takes all
        // but the result.
        using var scope = NewDisposeScope();
        var result = apply(x, map).MoveToOuterDisposeScope();
        GC.KeepAlive(x);
        lastForward = result;
        return result;
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var map = (LinearMap)vars[1];
        ctx.save_data(nameof(map), map);
        ctx.set_materialize_grads(false); // zeros would be made after a tensor that the scope has disposed
        return map.Apply((Tensor)vars[0]);
    }

    // An exception here would end the process: everything that could be wrong was checked on the way in.
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        if (grad_output.IsInvalid)
        {
            return [null!, null!]; // what came behind has no gradient
        }

        var dense = grad_output.is_sparse ? grad_output.to_dense() : grad_output;
        var result = Apply(((LinearMap)ctx.get_data("map")).Transposed, dense);
        ReleaseLastBackward();
        lastBackward = (result, dense);
        return [result, null!];
    }

    private static void ReleaseLastBackward()
    {
        lastBackward?.Result.Dispose();
        lastBackward?.Gradient.Dispose();
        lastBackward = null;
    }
}
