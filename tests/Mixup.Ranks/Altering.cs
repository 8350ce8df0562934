using TorchSharp.Mixup.Training;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Ranks;

/// <summary>Changes the loss of every batch as programs do.</summary>
internal sealed class Altering : LearnerCallback
{
    public Altering()
        : base(order: 20)
    {
    }

    /// <summary>What becomes of the loss once it was computed.</summary>
    public Func<Tensor, Module, Tensor>? Computed { get; init; }

    /// <summary>What becomes of the loss before the backward pass.</summary>
    public Func<Tensor, Module, Tensor>? Late { get; init; }

    /// <summary>What becomes of the loss within its function, from the loss and the prediction.</summary>
    public Func<Tensor, Tensor, Tensor>? Function { get; init; }

    /// <summary>The squares of all weights.</summary>
    public static Tensor Penalty(Module model) =>
        model.parameters().Select(parameter => parameter.pow(2).sum()).Aggregate((a, b) => a + b) * 0.01;

    public override void BeforeBatch(LearnerState state)
    {
        if (Function is { } alter)
        {
            var before = state.LossFunction;
            state.LossFunction = (prediction, target) => alter(before(prediction, target), prediction);
        }
    }

    public override void AfterLoss(LearnerState state) =>
        state.BatchLoss = Computed?.Invoke(state.BatchLoss, state.Learner.Model) ?? state.BatchLoss;

    public override void BeforeBackward(LearnerState state) =>
        state.BatchLoss = Late?.Invoke(state.BatchLoss, state.Learner.Model) ?? state.BatchLoss;
}
