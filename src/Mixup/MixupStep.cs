using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// One batch under mixup: what to call the model with, what to give the loss, and what was drawn. Dispose it when the loss was taken: that frees the mixed inputs and removes the hook.
/// </summary>
/// <remarks>Within a step every forward pass of the model is mixed alike, as closures of an optimizer, a second pass or a retry need it. <see cref="Suspend"/> makes an exception.</remarks>
public sealed class MixupStep : IDisposable
{
    private readonly StepRequest request;
    private readonly PendingMix? pending;
    private readonly bool ownsInputs;
    private readonly bool isStacked;

    internal MixupStep(StepRequest request, IReadOnlyList<Tensor> inputs, bool ownsInputs = false, bool isStacked = false, PendingMix? pending = null)
    {
        (this.request, this.pending, this.ownsInputs, this.isStacked) = (request, pending, ownsInputs, isStacked);
        Inputs = inputs;
        if (ownsInputs)
        {
            foreach (var input in inputs)
            {
                input.DetachFromDisposeScope();
            }
        }

        Target = TargetFor(request.Target);
    }

    /// <summary>Gets the first of <see cref="Inputs"/>: what a model of one argument is called with.</summary>
    /// <exception cref="InvalidOperationException">The input is stacked: the model is called with all three of <see cref="Inputs"/>.</exception>
    public Tensor Input => isStacked
        ? throw new InvalidOperationException("This step has a stacked input, so the model must be called with all three tensors of step.Inputs: x, x[p] and lambda.")
        : Inputs[0];

    /// <summary>Gets what the model is called with.</summary>
    public IReadOnlyList<Tensor> Inputs { get; }

    /// <summary>Gets the target for <see cref="MixupLoss"/>. It is valid until the step is disposed.</summary>
    public MixedTarget Target { get; }

    /// <summary>Gets what was drawn.</summary>
    public MixupDraw Draw => request.Draw;

    /// <summary>Gets the coefficients and the pairing: they blend or pair up any further tensor of this batch.</summary>
    public Mix Mix => Draw.Mix;

    /// <summary>Gets the place where this batch is mixed.</summary>
    public MixupPlace Place => Draw.Place;

    /// <summary>Makes the target for a further output of a model with several outputs.</summary>
    /// <param name="target">[B, ...]: integer for class ids, floating for everything else.</param>
    /// <param name="kind">Whether it belongs to each sample as a whole, or to the cells of its extent. Default null: as the options say.</param>
    /// <returns>The target for <see cref="MixupLoss"/>. It is valid until the step is disposed.</returns>
    /// <exception cref="ArgumentException">
    /// The target does not have B rows, its shape does not tell what it belongs to, or output mixup meets a dense target under fields that only copy.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="kind"/> is not one of the enumeration.</exception>
    public MixedTarget TargetFor(Tensor target, TargetKind? kind = null) =>
        new(Mix, target, request.TargetMixing, kind ?? request.TargetKind, pending, request.State);

    /// <summary>
    /// Switches mixing off inside the model until the result is disposed, for a look at clean predictions in the middle of a step: <c>using (step.Suspend()) { ... }</c>.
    /// The inputs of the step stay as they are: call the model with the plain batch. Until the suspension ends, losses of this step are refused.
    /// Manifold mixup also refuses, later on, the predictions that were made meanwhile; the other strategies do not know the model.
    /// </summary>
    /// <returns>An object whose disposal switches mixing on again.</returns>
    /// <exception cref="InvalidOperationException">The step is disposed.</exception>
    public IDisposable Suspend() => request.State.Suspend();

    /// <summary>Frees the mixed inputs and removes the hook if there is one. The draw can still be read and replayed. A backward pass may follow later.</summary>
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
            Mix.Dispose();
        }

        foreach (var input in ownsInputs ? Inputs : [])
        {
            input.Dispose();
        }
    }
}

/// <summary>A batch that was checked, with its draw and the method that drew it, none if it is replayed: what a strategy opens a step of.</summary>
internal sealed record StepRequest(IReadOnlyList<Tensor> Inputs, Tensor Target, MixupDraw Draw, Method? Method, TargetMixing TargetMixing, TargetKind TargetKind)
{
    public StepState State { get; } = new();

    /// <summary>Whether the draw ends with the step; a replayed one is the caller's.</summary>
    public bool OwnsDraw => Method is not null;

    /// <summary>What the step alone holds. Hooks have a weak reference to it, so a step that was lost is noticed.</summary>
    public object Token { get; } = new();
}
