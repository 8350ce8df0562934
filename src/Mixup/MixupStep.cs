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
    private readonly PendingMix? pending;
    private readonly bool isStacked;
    private StepRequest request;
    private bool ownsInputs;
    private bool ownsTarget;

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

            if (request.Draw.Place == MixupPlace.Input && !isStacked)
            {
                MixedInputs.Add(inputs);
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
    public IReadOnlyList<Tensor> Inputs { get; private set; }

    /// <summary>Gets the target for <see cref="MixupLoss"/>. It is valid until the step is disposed.</summary>
    public MixedTarget Target { get; private set; }

    /// <summary>Gets whether the step is disposed.</summary>
    public bool IsDisposed => request.State.IsOver;

    /// <summary>The strategy that opened the step; null where it was put together by hand.</summary>
    internal object? Opener { get; private set; }

    /// <summary>Whether all mixing was done when the step began.</summary>
    internal bool IsMixed => pending is null && Draw.Place == MixupPlace.Input;

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
    /// Moves the inputs and the target to a device, for a batch that was mixed in the loader. Targets that <see cref="TargetFor"/> made
    /// before stay where they are.
    /// </summary>
    /// <param name="device">Where to. Where everything is there already, nothing happens.</param>
    /// <exception cref="InvalidOperationException">The step is disposed.</exception>
    public void MoveTo(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (IsDisposed)
        {
            throw new InvalidOperationException("The step is disposed, and its mixed inputs with it. Move it before.");
        }

        bool IsThere(Tensor tensor) => tensor.device_type == device.type && (device.index < 0 || tensor.device_index == device.index);
        if (Inputs.Append(request.Target).All(IsThere))
        {
            return;
        }

        using var scope = NewDisposeScope();
        Tensor Moved(Tensor tensor) => IsThere(tensor) ? tensor.alias() : tensor.to(device, non_blocking: true);
        Tensor[] inputs = [.. Inputs.Select(Moved)];
        var moved = request with { Inputs = inputs, Target = Moved(request.Target) };
        var target = moved.MakeTarget(moved.Target, pending: pending);
        DisposeOwned();
        (request, Inputs, Target) = (moved, inputs, target);
        OwnAll();
    }

    /// <summary>Notes whose step this is.</summary>
    internal MixupStep OpenedBy(object strategy)
    {
        Opener = strategy;
        return this;
    }

    /// <summary>Takes over the inputs and the target, so that the step outlives the scope and the loader that they come from.</summary>
    internal void OwnAll()
    {
        (ownsInputs, ownsTarget) = (true, true);
        foreach (var tensor in Inputs.Append(request.Target))
        {
            tensor.DetachFromDisposeScope();
        }

        MixedInputs.Add(Inputs);
    }

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

        DisposeOwned();
    }

    private void DisposeOwned()
    {
        foreach (var input in ownsInputs ? Inputs : [])
        {
            input.Dispose();
        }

        if (ownsTarget)
        {
            request.Target.Dispose();
        }
    }
}
