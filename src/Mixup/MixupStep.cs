using static TorchSharp.torch;

namespace TorchSharp.Mixup;

/// <summary>
/// One mixed batch: the inputs for the model, the target for the loss, and the draw. Dispose it after the loss is computed; this frees the
/// mixed inputs and removes the forward hook.
/// </summary>
/// <remarks>
/// Within a step, every forward pass of the model is mixed by the same draw. Optimizer closures, second passes and retries therefore see
/// the same batch. <see cref="Suspend"/> runs the model without mixing.
/// </remarks>
public sealed class MixupStep : IDisposable
{
    private readonly PendingMix? pending;
    private readonly bool isStacked;
    private StepRequest request;
    private bool ownsInputs;
    private bool ownsTarget;

    /// <summary>
    /// Initializes a step of inputs that your own strategy has already mixed, for instance by <see cref="Mix.Blend(Tensor)"/>.
    /// </summary>
    /// <param name="mixedInputs">
    /// The inputs of the model: one tensor or more, each with as many rows as a blended tensor. The step owns and disposes them.
    /// </param>
    /// <param name="target">
    /// The target, [B, ...]: integer for class ids, floating-point for other targets. Not modified, and not disposed.
    /// </param>
    /// <param name="mix">The mix that mixed the inputs. The step does not release it.</param>
    /// <param name="options">The options for mixing targets. Default null: the defaults of <see cref="MixupOptions"/>.</param>
    /// <exception cref="ArgumentException">
    /// An input does not have as many rows as a blended tensor, the target does not have B rows, or the shape of the target is ambiguous.
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

    /// <summary>Gets the first of <see cref="Inputs"/>, for a model with one argument.</summary>
    /// <exception cref="InvalidOperationException">
    /// The input is stacked, so the model needs all three of <see cref="Inputs"/>. Or the step is disposed, together with its mixed inputs.
    /// </exception>
    public Tensor Input => request.State.IsOver && ownsInputs
        ? throw new InvalidOperationException("The step is disposed, together with its mixed inputs. Read step.Input before step.Dispose.")
        : isStacked
        ? throw new InvalidOperationException("This step has a stacked input, so the model must be called with all three tensors of " +
            "step.Inputs: x, x[p] and lambda.")
        : Inputs[0];

    /// <summary>Gets the inputs for the model.</summary>
    public IReadOnlyList<Tensor> Inputs { get; private set; }

    /// <summary>Gets the mixed target for <see cref="MixupLoss"/>. It is valid until the step is disposed.</summary>
    public MixedTarget Target { get; private set; }

    /// <summary>Gets whether the step is disposed.</summary>
    public bool IsDisposed => request.State.IsOver;

    /// <summary>Gets the strategy that opened the step; null for a step made by its public constructor.</summary>
    internal object? Opener { get; private set; }

    /// <summary>Gets whether all mixing was complete when the step was opened.</summary>
    internal bool IsMixed => pending is null && Draw.Place == MixupPlace.Input;

    /// <summary>Gets the draw of this batch: the place, and the mix, which also blends or pairs up other tensors of the batch.</summary>
    public MixupDraw Draw => request.Draw;

    /// <summary>Makes a target for another output of a model with several outputs.</summary>
    /// <param name="target">The target, [B, ...]: integer for class ids, floating-point for other targets.</param>
    /// <param name="kind">
    /// Whether the target belongs to each whole sample or to the cells of the extent. Default null: <see cref="MixupOptions.TargetKind"/>.
    /// </param>
    /// <returns>The mixed target for <see cref="MixupLoss"/>. It is valid until the step is disposed.</returns>
    /// <exception cref="ArgumentException">
    /// The target does not have B rows, or its shape is ambiguous. Or output mixup uses a method that only copies, and the target is dense.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="kind"/> is not a member of the enumeration.</exception>
    public MixedTarget TargetFor(Tensor target, TargetKind? kind = null) => request.MakeTarget(target, kind, pending);

    /// <summary>
    /// Moves the inputs and the target to a device. Use it for a batch that was mixed in a data loader. Targets made earlier by
    /// <see cref="TargetFor"/> are not moved.
    /// </summary>
    /// <param name="device">The device. If all tensors are already on it, nothing happens.</param>
    /// <exception cref="InvalidOperationException">The step is disposed.</exception>
    public void MoveTo(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (IsDisposed)
        {
            throw new InvalidOperationException("The step is disposed, together with its mixed inputs. Call step.MoveTo before " +
                "step.Dispose.");
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

    /// <summary>Records the strategy that opened the step.</summary>
    internal MixupStep OpenedBy(object strategy)
    {
        Opener = strategy;
        return this;
    }

    /// <summary>Takes ownership of the inputs and the target, so that the step outlives the scope and the loader that made them.</summary>
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
    /// Suspends mixing inside the model until the result is disposed. Use it for clean predictions within a step: <c>using (step.Suspend())
    /// { ... }</c>. Call the model with the unmixed batch, since <see cref="Inputs"/> stay mixed. Losses of this step throw until the
    /// suspension ends. Manifold mixup also rejects predictions that were made during a suspension; other strategies cannot detect them.
    /// </summary>
    /// <returns>An object that resumes mixing when it is disposed.</returns>
    /// <exception cref="InvalidOperationException">The step is disposed.</exception>
    public IDisposable Suspend() => request.State.Suspend();

    /// <summary>
    /// Frees the mixed inputs and removes the forward hook, if any. The draw can still be read and replayed. The backward pass may follow
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
