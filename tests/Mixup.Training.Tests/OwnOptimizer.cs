using TorchSharp.Modules;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>An optimizer that this library does not know, whose options are saved and loaded by a test.</summary>
internal sealed class OwnOptimizer : OptimizerHelper
{
    public OwnOptimizer(IEnumerable<Parameter> parameters, Action<BinaryWriter> save, Action<BinaryReader>? load = null)
    {
        var options = new Own(save, load ?? (_ => { })) { LearningRate = 0.1, InitialLearningRate = 0.1 };
        var group = new ParamGroup { Parameters = [.. parameters], Options = options };
        (_defaults, _parameter_groups) = (options, [group]);
        foreach (var parameter in group.Parameters)
        {
            _state[parameter.Handle] = new None(parameter);
        }
    }

    public override Tensor step(Func<Tensor>? closure = null) => _step<ParamGroup>(
        group =>
        {
            foreach (var parameter in group.Parameters)
            {
                parameter.add_(parameter.grad!, alpha: -group.LearningRate);
            }
        },
        closure);

    internal sealed class Counter
    {
        public long Value { get; set; }
    }

    private sealed class Own(Action<BinaryWriter> save, Action<BinaryReader> load) : OptimizerOptions
    {
        public override void SaveStateDict(BinaryWriter writer)
        {
            base.SaveStateDict(writer);
            save(writer);
        }

        public override void LoadStateDict(BinaryReader reader)
        {
            base.LoadStateDict(reader);
            load(reader);
        }
    }

    private sealed class None(Parameter parameter) : OptimizerState(parameter)
    {
        public override void Initialize(OptimizerOptions options)
        {
        }

        public override void LoadStateDict(BinaryReader reader)
        {
        }

        public override void LoadStateDict(OptimizerState source)
        {
        }

        public override void SaveStateDict(BinaryWriter writer)
        {
        }
    }
}
