using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>A small problem: a network, its data, and a learner over them, the same for the same seed.</summary>
internal sealed class Small : IDisposable
{
    public Small(IEnumerable<ITrainerCallback>? callbacks = null, bool scheduler = false)
        : this(_ => callbacks ?? [], scheduler, dropout: false)
    {
    }

    public Small(
        Func<Module, IEnumerable<ITrainerCallback>> callbacks,
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

    public TensorBatches Train => new(X, Y, 9, shuffleSeed: 3);

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
internal sealed class Recorder(string? at = null, Action<TrainingState>? act = null, int order = 0, string name = "") : ITrainerCallback
{
    /// <summary>Every event of a fit. <see cref="Attach"/> comes before, when a learner is built.</summary>
    public static string[] AllEvents { get; } =
    [
        .. typeof(ITrainerCallback).GetMethods()
            .Where(method => method.GetParameters() is [var state] && state.ParameterType == typeof(TrainingState))
            .Select(method => method.Name),
    ];

    public List<Learner> Learners { get; } = [];

    public List<string> Events { get; } = [];

    public List<string> Shared { get; init; } = [];

    public int Order => order;

    public void Attach(Learner learner)
    {
        Learners.Add(learner);
        Shared.Add(name + nameof(Attach));
    }

    public void BeforeFit(TrainingState state) => Record(state);

    public void BeforeEpoch(TrainingState state) => Record(state);

    public void BeforeTrain(TrainingState state) => Record(state);

    public void BeforeBatch(TrainingState state) => Record(state);

    public void AfterPrediction(TrainingState state) => Record(state);

    public void AfterLoss(TrainingState state) => Record(state);

    public void BeforeBackward(TrainingState state) => Record(state);

    public void AfterBackward(TrainingState state) => Record(state);

    public void BeforeStep(TrainingState state) => Record(state);

    public void AfterStep(TrainingState state) => Record(state);

    public void AfterBatch(TrainingState state) => Record(state);

    public void AfterTrain(TrainingState state) => Record(state);

    public void BeforeValidate(TrainingState state) => Record(state);

    public void AfterValidate(TrainingState state) => Record(state);

    public void AfterEpoch(TrainingState state) => Record(state);

    public void AfterFit(TrainingState state) => Record(state);

    private void Record(TrainingState state, [System.Runtime.CompilerServices.CallerMemberName] string method = "")
    {
        Events.Add(method);
        Shared.Add(name + method);
        if (method == at)
        {
            act?.Invoke(state);
        }
    }
}
