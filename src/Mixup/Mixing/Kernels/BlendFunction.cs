using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// Applies a linear map under autograd. Its backward pass applies the transposed map by this same function, so it can be differentiated
/// again.
/// </summary>
internal sealed class BlendFunction : autograd.SingleTensorFunction<BlendFunction>
{
    // TorchSharp passes tensor pointers to libtorch but does not keep the objects alive, so a finalizer could free them before libtorch
    // copies them. They are kept until this thread's next call, which frees them. Without a dispose scope they would wait for the
    // finalizer.
    [ThreadStatic]
    private static (Tensor Result, Tensor Gradient)? lastBackward;

    // The same for a result on which backward() is called immediately.
    [ThreadStatic]
    private static Tensor? lastForward;

    public override string Name => "MixupBlend";

    /// <summary>Applies a map, and records it for autograd if gradients are required.</summary>
    public static Tensor Apply(LinearMap map, Tensor x)
    {
        if (!x.requires_grad || !is_grad_enabled())
        {
            return map.Apply(x);
        }

        ReleaseLastBackward();

        // The function creates wrappers of its inputs and outputs. The scope keeps them while libtorch reads them, and disposes all but the
        // result.
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
        ctx.set_materialize_grads(false); // libtorch would shape zeros like a tensor that the scope has disposed
        return map.Apply((Tensor)vars[0]);
    }

    // An exception here would end the process, so all checks are made in the forward pass.
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        if (grad_output.IsInvalid)
        {
            return [null!, null!]; // the output received no gradient
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
