using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// One batch under mixup: what to call the model with, what to give the loss, and what was drawn. Dispose it when the loss was taken: that
/// frees the mixed inputs and removes the hook.
/// </summary>
/// <remarks>
/// Within a step every forward pass of the model is mixed alike, as closures of an optimizer, a second pass or a retry need it.
/// <see cref="Suspend"/> makes an exception.
/// </remarks>
public sealed class MixupStep : IDisposable
{
    private readonly StepRequest request;
    private readonly PendingMix? pending;
    private readonly bool ownsInputs;
    private readonly bool isStacked;

    /// <summary>
    /// Opens a step for a strategy of one's own, of inputs that it has mixed itself, as by <see cref="Mix.Blend(Tensor)"/>.
    /// </summary>
    /// <param name="mixedInputs">
    /// What the model is called with, one tensor or more with the rows of a blended one. The step owns and disposes them.
    /// </param>
    /// <param name="target">[B, ...]: integer for class ids, floating for everything else. Not modified, and not disposed.</param>
    /// <param name="mix">How the inputs were mixed. Not released with the step.</param>
    /// <param name="options">How targets are mixed. Default null: the defaults of <see cref="MixupOptions"/>.</param>
    /// <exception cref="ArgumentException">
    /// An input does not have the rows of a blended one, the target does not have B rows, or its shape does not tell what it belongs to.
    /// </exception>
    public MixupStep(IReadOnlyList<Tensor> mixedInputs, Tensor target, Mix mix, MixupOptions? options = null)
        : this(
            StepRequest.OfMixed(mixedInputs, target, mix, options ?? new MixupOptions()), [.. mixedInputs], ownsInputs: true)
    {
    }

    internal MixupStep(
        StepRequest request, IReadOnlyList<Tensor> inputs, bool ownsInputs = false, bool isStacked = false, PendingMix? pending = null)
    {
        (this.request, this.pending, this.ownsInputs, this.isStacked) = (request, pending, ownsInputs, isStacked);
        Inputs = inputs;
        Target = TargetFor(request.Target);
        if (ownsInputs)
        {
            foreach (var input in inputs)
            {
                input.DetachFromDisposeScope();
            }
        }
    }

    /// <summary>Gets the first of <see cref="Inputs"/>: what a model of one argument is called with.</summary>
    /// <exception cref="InvalidOperationException">
    /// The input is stacked: the model is called with all three of <see cref="Inputs"/>. Or the step is disposed, and with it what it
    /// mixed.
    /// </exception>
    public Tensor Input => request.State.IsOver && ownsInputs
        ? throw new InvalidOperationException("The step is disposed, and its mixed inputs with it. Read step.Input before.")
        : isStacked
        ? throw new InvalidOperationException("This step has a stacked input, so the model must be called with all three tensors of " +
            "step.Inputs: x, x[p] and lambda.")
        : Inputs[0];

    /// <summary>Gets what the model is called with.</summary>
    public IReadOnlyList<Tensor> Inputs { get; }

    /// <summary>Gets the target for <see cref="MixupLoss"/>. It is valid until the step is disposed.</summary>
    public MixedTarget Target { get; }

    /// <summary>
    /// Gets what was drawn: the mix, which blends or pairs up any further tensor of this batch, and the place.
    /// </summary>
    public MixupDraw Draw => request.Draw;

    /// <summary>Makes the target for a further output of a model with several outputs.</summary>
    /// <param name="target">[B, ...]: integer for class ids, floating for everything else.</param>
    /// <param name="kind">
    /// Whether it belongs to each sample as a whole, or to the cells of its extent. Default null: as the options say.
    /// </param>
    /// <returns>The target for <see cref="MixupLoss"/>. It is valid until the step is disposed.</returns>
    /// <exception cref="ArgumentException">
    /// The target does not have B rows, its shape does not tell what it belongs to, or output mixup meets a dense target under fields that
    /// only copy.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="kind"/> is not one of the enumeration.</exception>
    public MixedTarget TargetFor(Tensor target, TargetKind? kind = null) => request.MakeTarget(target, kind, pending);

    /// <summary>
    /// Switches mixing off inside the model until the result is disposed, for a look at clean predictions in the middle of a step: <c>using
    /// (step.Suspend()) { ... }</c>. The inputs of the step stay as they are: call the model with the plain batch. Until the suspension
    /// ends, losses of this step are refused. Manifold mixup also refuses, later on, the predictions that were made meanwhile; the other
    /// strategies do not know the model.
    /// </summary>
    /// <returns>An object whose disposal switches mixing on again.</returns>
    /// <exception cref="InvalidOperationException">The step is disposed.</exception>
    public IDisposable Suspend() => request.State.Suspend();

    /// <summary>
    /// Frees the mixed inputs and removes the hook if there is one. The draw can still be read and replayed. A backward pass may follow
    /// later.
    /// </summary>
    public void Dispose()
    {
        if (request.State.IsOver)
        {
            return;
        }

        request.State.End();
        pending?.Dispose();
        if (request.OwnsDraw)
        {
            Draw.Mix.Release();
        }

        foreach (var input in ownsInputs ? Inputs : [])
        {
            input.Dispose();
        }
    }
}
