using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>A small problem: a network, its data, and a learner over them, the same for the same seed.</summary>
internal sealed class Small : IDisposable
{
    public Small(IEnumerable<LearnerCallback>? callbacks = null, bool scheduler = false)
        : this(_ => callbacks ?? [], scheduler, dropout: false)
    {
    }

    public Small(
        Func<Module, IEnumerable<LearnerCallback>> callbacks,
        bool scheduler,
        bool dropout,
        Func<IEnumerable<Parameter>,
        optim.Optimizer>? optimizer = null)
    {
        manual_seed(1);
        Model = Sequential(Linear(6, 16), Tanh(), Dropout(dropout ? 0.2 : 0), BatchNorm1d(16), Linear(16, 3)).to(Some.Device);
        Optimizer = optimizer?.Invoke(Model.parameters()) ?? optim.SGD(Model.parameters(), 0.1, momentum: 0.9);
        Scheduler = scheduler ? optim.lr_scheduler.CosineAnnealingLR(Optimizer, 6) : null;
        X = Some.Normal(1, 40, 6);
        Y = X.narrow(1, 0, 3).argmax(1);
        Learner = new Learner(Model, Loss, Optimizer, Scheduler, [Metric.Accuracy()], callbacks: callbacks(Model));
    }

    public Sequential Model { get; }

    public optim.Optimizer Optimizer { get; }

    public optim.lr_scheduler.LRScheduler? Scheduler { get; }

    public Loss<Tensor, Tensor, Tensor> Loss { get; } = CrossEntropyLoss();

    public Learner Learner { get; }

    public Tensor X { get; }

    public Tensor Y { get; }

    public TensorBatches Train => new(X, Y, 9) { Shuffle = true, Seed = 3 };

    public TensorBatches Valid => new(X, Y, 16);

    public float[] Weights =>
        [.. Model.state_dict().Values.SelectMany(value => value.to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray())];

    public void Dispose()
    {
        X.Dispose();
        Y.Dispose();
        Optimizer.Dispose();
        Model.Dispose();
        Loss.Dispose();
    }
}

/// <summary>Writes down every event, and does something at one of them.</summary>
internal sealed class Recorder(string? at = null, Action<LearnerState>? act = null, int order = 0, string name = "")
    : LearnerCallback(order)
{
    /// <summary>Every event of a fit. <see cref="Attach"/> comes before, when a learner is built.</summary>
    public static string[] AllEvents { get; } =
    [
        .. typeof(LearnerCallback).GetMethods()
            .Where(method => method.GetParameters() is [var state] && state.ParameterType == typeof(LearnerState))
            .Select(method => method.Name),
    ];

    public List<Learner> Learners { get; } = [];

    public List<string> Events { get; } = [];

    public List<string> Shared { get; init; } = [];

    public override void Attach(Learner learner)
    {
        Learners.Add(learner);
        Shared.Add(name + nameof(Attach));
    }

    public override void BeforeFit(LearnerState state) => Record(state);

    public override void BeforeEpoch(LearnerState state) => Record(state);

    public override void BeforeTrain(LearnerState state) => Record(state);

    public override void BeforeBatch(LearnerState state) => Record(state);

    public override void AfterPrediction(LearnerState state) => Record(state);

    public override void AfterLoss(LearnerState state) => Record(state);

    public override void BeforeBackward(LearnerState state) => Record(state);

    public override void AfterBackward(LearnerState state) => Record(state);

    public override void BeforeStep(LearnerState state) => Record(state);

    public override void AfterStep(LearnerState state) => Record(state);

    public override void AfterBatch(LearnerState state) => Record(state);

    public override void AfterTrain(LearnerState state) => Record(state);

    public override void BeforeValidate(LearnerState state) => Record(state);

    public override void AfterValidate(LearnerState state) => Record(state);

    public override void AfterEpoch(LearnerState state) => Record(state);

    public override void AfterFit(LearnerState state) => Record(state);

    private void Record(LearnerState state, [System.Runtime.CompilerServices.CallerMemberName] string method = "")
    {
        Events.Add(method);
        Shared.Add(name + method);
        if (method == at)
        {
            act?.Invoke(state);
        }
    }
}
