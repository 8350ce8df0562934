using Mixup.Samples;
using Mixup.Samples.Text;
using TorchSharp;
using TorchSharp.Mixup;
using TorchSharp.Mixup.Training;
using static TorchSharp.torch;

const int batchSize = 64;

// Input mixup is left out: a token id between two others has no meaning.
return SampleCommand.Run(
    args,
    "Classifies 10,000 dictionary definitions by lexical category, without mixup and with manifold mixup at the embedding.",
    new SampleDefaults(Epochs: 12, QuickEpochs: 3, Seeds: 3, Glosses.Count - Glosses.TestSize, ["none", "manifold"]),
    options =>
    {
        var experiment = new Experiment(
            [new("dictionary definitions", options.Alpha ?? Interpolation.DefaultAlpha, 0, options.TrainSize ?? 4_000)],
            Classification.Columns,
            "test accuracy, %");
        var code = experiment.Execute(options, (run, tick) => Train(run, options, tick));
        Experiment.SayWhere(options, "curves.png", "results.csv");
        return code;
    });

static Result Train(Run run, SampleOptions options, LearnerCallback tick)
{
    using var scope = NewDisposeScope();
    var glosses = Glosses.Load(run.Seed, run.Setting.TrainSize, options.Device);
    manual_seed(run.Seed);
    using var model = new Network().to(options.Device);
    using var loss = nn.CrossEntropyLoss();
    using var optimizer = optim.AdamW(model.parameters(), 2e-3, weight_decay: 0.05);
    var mixup = Arms.Callbacks(run, model, ManifoldPlaces.Named("embedding")).SingleOrDefault();
    var learner = new Learner(
        model,
        loss,
        optimizer,
        optim.lr_scheduler.CosineAnnealingLR(optimizer, options.Epochs),
        [Metric.Accuracy()],
        options.Device,
        mixup is null ? [tick] : [tick, mixup],
        forward: inputs => model.call(inputs[0], PaddingOf(inputs[0])));
    var records = learner.Fit(
        new TensorBatches(glosses.TrainIds, glosses.TrainClasses, batchSize) { Shuffle = true, Seed = (ulong)run.Seed },
        new TensorBatches(glosses.TestIds, glosses.TestClasses, 500),
        options.Epochs);

    model.eval();
    using var noGrad = no_grad();
    return Classification.ToResult(run, records, model.call(glosses.TestIds, Glosses.IsPadding(glosses.TestIds)), glosses.TestClasses);

    // Of two mixed definitions a position stays visible if either has a word there.
    Tensor PaddingOf(Tensor ids)
    {
        var padding = Glosses.IsPadding(ids);
        return mixup?.Step is { } step ? step.Draw.Mix.UniteMask(padding) : padding;
    }
}
