using TorchSharp.Modules;
using static TorchSharp.Mixup.Tests.Misuse;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>Every documented error of the core.</summary>
public sealed class MisuseTests
{
    private static readonly Misuse[] Misuses =
    [
        // What is mixed in the loader, and what is made ahead.
        Of<ArgumentOutOfRangeException>("nothing ahead", "1 item ahead or more", "leave Prefetch out", _ => new[] { 1 }.Prefetch(0)),
        Of<ArgumentException>("a batch that is mixed twice", "mixed already", "begin one with the plain batch", b =>
        {
            using var step = new InputMixup(0.4).Begin(b.X, b.Y);
            b.Output.Begin(step.Input, b.Y);
        }),
        Of<ArgumentException>("a batch that is mixed twice by a loader", "mixed already", "begin one with the plain batch", b =>
        {
            using var step = new InputMixup(0.4).Begin(b.X, b.Y);
            b.Input.Mix([(step.Input, b.Y)]).First();
        }),
        Of<ArgumentException>("two scales for a loss of one mean", "There are 2 scales", "one for each weight", b =>
        {
            var target = new MixedTarget(Mix.Identity((int)b.Y.size(0)), b.Y);
            var one = ones([], ScalarType.Float64, b.Y.device);
            b.Loss.Scaled(zeros(b.Y.size(0), 10, device: b.Y.device), target, [one, one]);
        }),
        Of<ArgumentException>("a mean of bytes that are scaled", "mean of 123.7", "Divide mean and deviation by 255", b =>
                new ToFloat { Mean = [123.7], Deviation = [58] }.Apply(BytesOf(b))),
        Of<ArgumentNullException>("no source to prefetch", "source", "null", _ => ((IEnumerable<int>)null!).Prefetch(1)),
        Of<ArgumentException>(
            "manifold mixup in the loader", "ManifoldMixup mixes when the model runs", "by InputMixup", b => b.Manifold.Mix([(b.X, b.Y)])),
        Of<ArgumentException>("output mixup as a collate function", "OutputMixup mixes when the model runs", "in the training loop", b =>
            b.Output.Collate<Tensor>((_, _) => (b.X, b.Y))),
        Of<InvalidOperationException>("output mixup in a source that is ahead", "OutputMixup mixes when the model " +
            "runs", "plain batches", b =>
            Enumerable.Range(0, 2).Select(_ => b.Output.Begin(b.X, b.Y)).Prefetch(1).ToList()),
        Of<ArgumentException>("token ids in the loader", "cannot be blended", "manifold mixup on the embedding", b =>
            b.Input.Mix([(b.Y, b.Y)]).ToList()),
        Of<ArgumentException>("no input in the loader", "there is none", "one tensor or more", b =>
            b.Input.Mix([(Array.Empty<Tensor>(), b.Y)]).ToList()),
        Of<ArgumentNullException>("no collate function", "collate", "null", b =>
            b.Input.Collate((Func<IEnumerable<int>, Device, (Tensor, Tensor)>)null!)),
        Of<InvalidOperationException>("moving a step that is over", "The step is disposed", "before", b =>
        {
            var step = new InputMixup().Begin(b.X, b.Y);
            step.Dispose();
            step.MoveTo(META);
        }),
        Of<InvalidOperationException>("a source that disposes its items", "disposed its first item", "no 'using' around", b =>
        {
            static IEnumerable<Tensor> Using()
            {
                for (var i = 0; i < 3; i++)
                {
                    using var x = tensor(i);
                    yield return x;
                }
            }

            Using().Prefetch(1).ToList();
        }),

        // What is drawn.
        Of<ArgumentException>("no coefficients", "the batch is empty", "one sample or more", _ => new Mix([], [])),
        Of<ArgumentException>(
            "fewer partners than coefficients", "2 coefficients but 1 partners", "one of each for every sample", _ => new Mix([1, 1], [0])),
        Of<ArgumentException>("a coefficient above 1", "coefficient 1 is 1.5", "expected 0", _ => new Mix([1, 1.5], [1, 0])),
        Of<ArgumentException>("a coefficient that is not a number", "coefficient 0 is NaN", "expected 0", _ => new Mix([double.NaN], [0])),
        Of<ArgumentException>("a partner outside", "the partner of sample 0 is 2", "0 to 1", _ => new Mix([1, 1], [2, 0])),
        Of<ArgumentException>("blending a scalar", "scalar tensor", "first dimension must be the batch", b => b.Mix.Blend(b.X.sum())),
        Of<ArgumentException>(
            "blending another batch", "the tensor to blend has shape [5, 4]", "here of 6", b => b.Mix.Blend(b.X.narrow(0, 0, 5))),
        Of<ArgumentException>(
            "blending token ids", "type Int64 cannot be blended", "manifold mixup on the embedding", b => b.Mix.Blend(b.Y)),
        Of<ArgumentException>("blending booleans", "type Bool cannot be blended", "float32", b => b.Mix.Blend(b.X.gt(0))),
        Of<ArgumentException>(
            "blending complex numbers",
            "type ComplexFloat32 cannot be blended",
            "float32",
            b => b.Mix.Blend(b.X.to(ScalarType.ComplexFloat32))),
        Of<ArgumentException>(
            "blending integers of images", "type Int16 cannot be blended", "convert images to Byte", b =>
                b.Mix.Blend(b.Y.to(ScalarType.Int16))),
        Of<ArgumentOutOfRangeException>("bytes scaled by 0", "above 0", "1.0 / 255", _ => new ToFloat { Scale = 0 }),
        Of<ArgumentOutOfRangeException>(
            "bytes scaled by what is not a number", "above 0", "finite", _ => new ToFloat { Scale = double.NaN }),
        Of<ArgumentException>("no mean", "mean of the channels is []", "one for all channels", _ => new ToFloat { Mean = [] }),
        Of<ArgumentException>(
            "a mean that is not a number", "mean of the channels is [NaN]", "finite", _ => new ToFloat { Mean = [double.NaN] }),
        Of<ArgumentNullException>("a mean that is null", "value", "null", _ => new ToFloat { Mean = null! }),
        Of<ArgumentException>(
            "a deviation of 0", "deviation of the channels is [1, 0]", "above 0", _ => new ToFloat { Deviation = [1, 0] }),
        Of<ArgumentOutOfRangeException>(
            "the batch as channels", "Dimension 0 is the batch", "Give 1, or -1", _ => new ToFloat { ChannelDimension = 0 }),
        Of<ArgumentException>("floats to floats", "tensor Float32 [6, 4] is not converted", "Byte", b => new ToFloat().Apply(b.X)),
        Of<ArgumentNullException>("no bytes to floats", "bytes", "null", _ => new ToFloat().Apply(null!)),
        Of<ArgumentNullException>("bytes to nothing", "toFloat", "null", b => b.Mix.Blend(BytesOf(b), null!)),
        Of<ArgumentException>(
            "blending floats that become floats", "tensor Float32 [6, 4] is not converted", "Leave the conversion out", b =>
                b.Mix.Blend(b.X, new ToFloat())),
        Of<ArgumentException>(
            "means of other channels", "does not have 3 channels in dimension 1", "ChannelDimension", b =>
                b.Mix.Blend(BytesOf(b), new ToFloat { Mean = [0, 1, 2] })),
        Of<ArgumentException>(
            "channels in a dimension that is not there", "does not have 4 channels in dimension -3", "ChannelDimension", b =>
                new ToFloat { Mean = [0, 1, 2, 3], ChannelDimension = -3 }.Apply(BytesOf(b))),
        Of<ArgumentException>(
            "fewer deviations than means", "4 means but 2 deviations", "one for each channel", b =>
                new ToFloat { Mean = [0, 1, 2, 3], Deviation = [1, 2] }.Apply(BytesOf(b))),
        Of<ArgumentException>(
            "an input of other channels than the options say", "does not have 3 channels in dimension 1", "ChannelDimension", b =>
                Converting(new ToFloat { Mean = [0, 1, 2] }).Begin(BytesOf(b), b.Y)),
        Of<ArgumentException>(
            "output mixup of an input of other channels", "does not have 3 channels in dimension 1", "ChannelDimension", b =>
                new OutputMixup(new MixupOptions { ToFloat = new ToFloat { Mean = [0, 1, 2] } }).Begin([b.X, BytesOf(b)], b.Y)),
        Of<ArgumentException>(
            "floats over bytes", "do not fit into the batch", "Leave OverwriteInput or MixupOptions.ToFloat off", _ =>
                new InputMixup(new MixupOptions { ToFloat = new ToFloat() }) { OverwriteInput = true }),
        Of<ArgumentNullException>("blending nothing", "tensor", "null", b => b.Mix.Blend(null!)),
        Of<ArgumentException>(
            "partners of another batch",
            "the tensor to pair up has shape [5]",
            "here of 6",
            b => b.Mix.SelectPartners(b.Y.narrow(0, 0, 5))),
        Of<ArgumentException>(
            "rows of another batch", "the tensor to pair up has shape [5]", "here of 6", b => b.Mix.SelectSamples(b.Y.narrow(0, 0, 5))),
        Of<ArgumentNullException>("partners of nothing", "tensor", "null", b => b.Mix.SelectPartners(null!)),
        Of<ArgumentNullException>("rows of nothing", "tensor", "null", b => b.Mix.SelectSamples(null!)),
        Of<ArgumentNullException>("coefficients for nothing", "tensor", "null", b => b.Mix.CreateCoefficients(null!)),
        Of<ArgumentException>(
            "coefficients for another batch",
            "the tensor that gives the rank has shape [5]",
            "here of 6",
            b => b.Mix.CreateCoefficients(b.Y.narrow(0, 0, 5))),
        Of<ArgumentNullException>("a mask that is null", "mask", "null", b => b.Mix.UniteMask(null!)),
        Of<ArgumentException>(
            "a mask of another batch", "the mask has shape [5, 4]", "here of 6", b => b.Mix.UniteMask(b.X.gt(0).narrow(0, 0, 5))),
        Of<ArgumentException>("coefficients for a scalar", "scalar tensor", "batch", b => b.Mix.CreateCoefficients(b.X.sum())),
        Of<ArgumentException>(
            "a mask that is not boolean", "mask is of type Float32", "mask.to(ScalarType.Bool)", b => b.Mix.UniteMask(b.X)),

        Of<ArgumentException>(
            "a mask of another length than the sequences",
            "has no position for each step of the extent [8]",
            "BehindBatch",
            b => new Mix([.. Enumerable.Repeat(new BoxField([8], [1], [3]), 6)], [1, 0, 3, 2, 5, 4]).UniteMask(b.X.gt(0))),
        Of<ArgumentOutOfRangeException>(
            "a dimension that an extent lacks", "has 1 dimension", "counted from 0", _ => new Extent(8)[1].ToString()),
        Of<ArgumentException>("a model of one module", "It has no modules inside", "MixupPoint", b => new ManifoldMixup(b.Foreign)),
        Of<InvalidOperationException>("the input of a step that is over", "The step is disposed", "before", b =>
        {
            var step = b.Input.Begin(b.X, b.Y);
            step.Dispose();
            b.Input.State = b.Input.State with { Batch = b.Input.State.Batch - 1 };
            step.Input.sum();
        }),
        Of<ArgumentException>(
            "class ids with a channel", "the class ids [6, 1]", "target.squeeze(1)", b =>
                b.Judge((loss, target) => loss.call(b.Logits, target), b.Y.unsqueeze(1))),
        Of<ArgumentException>(
            "integer labels that are one-hot", "the class ids [6, 3]", "argmax(1)", b =>
                b.Judge((loss, target) => loss.call(b.Logits, target), b.Logits.gt(0).to(ScalarType.Int64))),
        Of<ArgumentException>(
            "one logit a sample", "shape [6] but the class ids [6]", "BCEWithLogitsLoss", b =>
                b.Judge((loss, target) => loss.call(b.X.select(1, 0), target))),
        Of<ArgumentException>("the plain batch beside clean samples", "expected 12 rows, two for each of the 6 samples", "step.Input", b =>
        {
            using var step = new InputMixup(new MixupOptions { Outputs = MixupOutputs.CleanAndMixed() }).Begin(b.X, b.Y);
            b.Loss.call(b.Logits, step.Target);
        }),

        // Options.
        Of<ArgumentOutOfRangeException>("a negative alpha", "alpha", "0 (no mixing) or more", _ => new InputMixup(-1)),
        Of<ArgumentOutOfRangeException>("an infinite alpha", "alpha", "finite", _ => new OutputMixup(double.PositiveInfinity)),
        Of<ArgumentOutOfRangeException>("an epoch below 0", "epochs", "counted from 0", b => b.Manifold.Epoch = -1),
        Of<ArgumentOutOfRangeException>(
            "no epochs", "training has one epoch or more", "null if their number is not known", b => b.Manifold.Epochs = 0),
        Of<InvalidOperationException>(
            "an epoch that nobody told",
            "the epoch, which was not set",
            "set strategy.Epoch",
            b => Scheduled(Schedules.OffFrom(3)).Begin(b.X, b.Y)),
        Of<InvalidOperationException>(
            "a number of epochs that nobody told",
            "the number of epochs, which was not set",
            "set strategy.Epochs",
            b => Scheduled(Schedules.OffForLast(3)).Begin(b.X, b.Y)),
        Of<InvalidOperationException>("mixing off for all epochs", "the last 15 of 10 epochs", "give OffForLast fewer", b =>
                new InputMixup(new MixupOptions { Schedule = Schedules.OffForLast(15) }) { Epoch = 0, Epochs = 10 }.Begin(b.X, b.Y)),
        Of<InvalidOperationException>(
            "a schedule without a method", "no method", "Return point.Method", b => Scheduled(point => (null!, 1)).Begin(b.X, b.Y)),
        Of<InvalidOperationException>(
            "a schedule that gives no probability",
            "the probability NaN",
            "from 0 to 1",
            b => Scheduled(point => (point.Method, double.NaN)).Begin(b.X, b.Y)),
        Of<ArgumentOutOfRangeException>("mixing off from the start", "epoch", "'1'", _ => Schedules.OffFrom(0)),
        Of<ArgumentOutOfRangeException>("off for fewer than no epochs", "epochs", "non-negative", _ => Schedules.OffForLast(-1)),
        Of<ArgumentOutOfRangeException>(
            "a ramp to infinity",
            "ends of a ramp",
            "finite",
            _ => Schedules.Ramp(0, double.PositiveInfinity, alpha => new Interpolation(alpha))),
        Of<ArgumentOutOfRangeException>(
            "a ramp of a probability above 1", "probability", "between 0 (never) and 1 (always)", _ => Schedules.RampProbability(0, 2)),
        Of<ArgumentOutOfRangeException>("a ramp of no epochs", "epochs", "'1'", _ => Schedules.RampProbability(0, 1, epochs: 0)),
        Of<ArgumentOutOfRangeException>(
            "a probability above 1", "probability", "between 0 (never) and 1 (always)", _ => new MixupOptions { Probability = 2 }),
        Of<ArgumentNullException>("no pairing", "A pairing is expected", "Leave it out", _ => new MixupOptions { Pairing = null! }),
        Of<ArgumentOutOfRangeException>(
            "a bandwidth of nothing", "standard deviation of a kernel", "above 0", _ => Pairing.SimilarTargets(0)),
        Of<ArgumentOutOfRangeException>(
            "a bandwidth that is not a number", "standard deviation of a " +
            "kernel", "above 0", _ => Pairing.SimilarInputs(x => x, double.NaN)),
        Of<ArgumentException>("pairs of similar targets", "SimilarTargets { Bandwidth = 1 } makes no pairs", "Pairing.Halves", _ =>
                new InputMixup(new MixupOptions { CoefficientPer = CoefficientPer.Pair, Pairing = Pairing.SimilarTargets() })),
        Of<ArgumentException>(
            "classes of real numbers",
            "does not give the class of each sample",
            "Choose Pairing.SimilarTargets",
            b => Paired(Pairing.WithinClass).Begin(b.X, Some.Normal(1, b.X.size(0)))),
        Of<ArgumentException>(
            "classes of pixels",
            "does not give the class of each sample",
            "class ids [B]",
            b => Paired(Pairing.AcrossClasses).Begin(b.X, Some.Classes(1, 3, b.X.size(0), 4, 4))),
        Of<ArgumentException>(
            "distances of class ids",
            "integers are class ids",
            "choose Pairing.WithinClass",
            b => Paired(Pairing.SimilarTargets()).Begin(b.X, b.Y)),
        Of<ArgumentException>(
            "distances of what is not a number",
            "not finite numbers",
            "Leave these samples out",
            b => Paired(Pairing.SimilarTargets()).Begin(b.X, full(b.X.size(0), double.NaN))),
        Of<ArgumentException>(
            "a pairing that looks at a target on META",
            "holds no values to look at",
            "does not look at targets",
            b => Paired(Pairing.WithinClass).Begin(b.X, empty(b.X.size(0), ScalarType.Int64, META))),
        Of<ArgumentException>(
            "a pairing that looks at a target that is not there",
            "The target is null",
            "Give it to MixSampler.Sample",
            b => MixSampler.Sample(new MixupOptions { Pairing = Pairing.WithinClass }, [b.X], new MixupState(1, 0))),
        Of<ArgumentException>("classes of no values", "does not give the class", "class ids [B]", b =>
                Paired(Pairing.WithinClass).Begin(b.X, empty([b.X.size(0), 0]))),
        Of<ArgumentException>("distances of no values", "has no values", "one value or more", b =>
                Paired(Pairing.SimilarTargets()).Begin(b.X, empty([b.X.size(0), 0]))),
        Of<ArgumentException>("a deviation that float32 does not hold", "leaves the range of float32", "nearer to 1", b =>
                new ToFloat { Deviation = [1e-50] }.Apply(BytesOf(b))),
        Of<ArgumentException>(
            "features instead of distances",
            "expected real numbers",
            "cdist(f, f)",
            b => Paired(Pairing.SimilarInputs(x => x.flatten(1), 1)).Begin(b.X, b.Y)),
        Of<ArgumentException>(
            "no distances", "are null", "expected a tensor", b => Paired(Pairing.SimilarInputs(_ => null!, 1)).Begin(b.X, b.Y)),
        Of<ArgumentException>(
            "negative distances",
            "negative or not a number",
            "return infinity",
            b => Paired(Pairing.SimilarInputs(x => full(x.size(0), x.size(0), -1), 1)).Begin(b.X, b.Y)),
        Of<ArgumentException>(
            "distances on META",
            "holds no values to look at",
            "does not look at inputs",
            b => Paired(Pairing.SimilarInputs(x => x, 1)).Begin(empty(4, 2, device: META), b.Y.narrow(0, 0, 4))),
        Of<InvalidOperationException>(
            "a pairing that returns nothing", "returned null", "Return one for each " +
            "sample", b => Paired(new Rules.Own(_ => null!)).Begin(b.X, b.Y)),
        Of<InvalidOperationException>(
            "partners outside of the batch", "returned [0, 99]", "expected", b => Paired(new Rules.Own(_ => [0, 99])).Begin(b.X, b.Y)),
        Of<InvalidOperationException>(
            "pairs that are none",
            "not each other's",
            "make pairs",
            b => new InputMixup(new MixupOptions
            {
                CoefficientPer = CoefficientPer.Pair,
                Pairing = new Rules.Own(d => [.. Enumerable.Range(0, d.BatchSize).Select(i => i == 0 ? 1L : 0)]) { HasPairs = true },
            }).Begin(b.X, b.Y)),
        Of<ArgumentException>(
            "too few partners to write to", "There are 1 partners", "expected", b => Paired(new Rules.Own(d =>
            {
                d.Shuffle([0], new long[1]);
                return [];
            })).Begin(b.X, b.Y)),
        Of<ArgumentException>(
            "a sample that is shuffled twice", "occurs twice", "different samples", b => Paired(new Rules.Own(d =>
            {
                d.Shuffle([0, 0], new long[d.BatchSize]);
                return [];
            })).Begin(b.X, b.Y)),
        Of<ArgumentException>(
            "a sample of negative weight", "Weight 1 is " +
            "-1", "0 or more", b => Paired(new Rules.Own(d => [d.Choose([1, -1])])).Begin(b.X, b.Y)),
        Of<ArgumentException>(
            "nothing to choose", "All weights are 0", "one above 0", b => Paired(new Rules.Own(d => [d.Choose([0, 0])])).Begin(b.X, b.Y)),
        Of<ArgumentOutOfRangeException>(
            "an unknown kind of coefficient",
            "no such CoefficientPer",
            "Sample",
            _ => new MixupOptions { CoefficientPer = (CoefficientPer)9 }),
        Of<ArgumentOutOfRangeException>(
            "an unknown target mixing", "no such TargetMixing", "ByLoss", _ => new MixupOptions { TargetMixing = (TargetMixing)9 }),
        Of<ArgumentException>("pairs of a rolled batch", "no pairs", "Pairing.Halves", _ =>
                new InputMixup(new MixupOptions { CoefficientPer = CoefficientPer.Pair, Pairing = Pairing.Roll })),
        Of<ArgumentException>(
            "a stacked input that is overwritten",
            "nothing is overwritten",
            "leave StackInput or OverwriteInput off",
            _ => new InputMixup { StackInput = true, OverwriteInput = true }),
        Of<ArgumentException>(
            "a stacked input with two outputs",
            "mixed by the model itself",
            "one output a pair",
            _ => new InputMixup(new MixupOptions { Outputs = MixupOutputs.Both }) { StackInput = true }),
        Of<ArgumentException>(
            "overwriting where the input is no place",
            "no batch would be overwritten",
            "WithInput()",
            b => new ManifoldMixup(b.Model, places: ManifoldPlaces.Named("a")) { OverwriteInput = true }),
        Of<ArgumentException>("overwriting with two outputs", "can be overwritten", "choose MixupOutputs.Mixed", _ =>
                new InputMixup(new MixupOptions { Outputs = MixupOutputs.Both }) { OverwriteInput = true }),
        Of<ArgumentNullException>("no options", "options", "null", _ => new InputMixup(null!)),
        Of<ArgumentOutOfRangeException>("a negative step", "value", "non-negative", b => b.Input.State = b.Input.State with { Batch = -1 }),
        Of<ArgumentNullException>("no state", "value", "null", b => b.Input.State = null!),

        // Beginning a step.
        Of<ArgumentException>("no inputs", "one tensor or more", "is null", b => b.Input.Begin([], b.Y)),
        Of<ArgumentException>("an input that is null", "one tensor or more", "is null", b => b.Input.Begin([b.X, null!], b.Y)),
        Of<ArgumentNullException>("no target", "target", "null", b => b.Input.Begin(b.X, null!)),
        Of<ArgumentNullException>("no strategy", "strategy", "null", b => ((IMixupStrategy)null!).Begin(b.X, b.Y)),
        Of<ArgumentNullException>("no list of inputs", "inputs", "null", b => b.Input.Begin((IReadOnlyList<Tensor>)null!, b.Y)),
        Of<ArgumentNullException>("no input", "input", "null", b => b.Input.Begin((Tensor)null!, b.Y)),
        Of<ArgumentException>("a scalar input", "scalar tensor", "first dimension must be the batch", b => b.Input.Begin(b.X.sum(), b.Y)),
        Of<ArgumentException>(
            "an empty batch", "the batch is empty", "Drop empty batches", b => b.Input.Begin(b.X.narrow(0, 0, 0), b.Y.narrow(0, 0, 0))),
        Of<ArgumentException>(
            "inputs of two batches", "has shape [5, 4]", "here of 6", b => b.Input.Begin([b.X, b.X.narrow(0, 0, 5)], b.Y)),
        Of<ArgumentException>(
            "a target of another batch", "the target has shape [5]", "here of 6", b => b.Input.Begin(b.X, b.Y.narrow(0, 0, 5))),
        Of<ArgumentException>("input mixup of token ids", "type Int64 cannot be blended", "embedding", b => b.Input.Begin(b.Y, b.Y)),
        Of<ArgumentException>(
            "a draw of another batch",
            "the draw is for 6 samples, but the batch has 5",
            "replay it",
            b => b.Input.Begin(b.X.narrow(0, 0, 5), b.Y.narrow(0, 0, 5), new MixupDraw(b.Mix, MixupPlace.Input))),
        Of<ArgumentException>(
            "a draw of another strategy",
            "the place output, but this strategy mixes at input.",
            "Replay it with the strategy",
            b => b.Input.Begin(b.X, b.Y, new MixupDraw(b.Mix, MixupPlace.Output))),
        Of<ArgumentException>(
            "a draw of input mixup for output mixup",
            "the place input, but this strategy mixes at output.",
            "Replay it with the strategy",
            b => b.Output.Begin(b.X, b.Y, new MixupDraw(b.Mix, MixupPlace.Input))),
        Of<ArgumentException>("a draw for a module that is none", "the place module 'attic', but this strategy mixes at input, module " +
            "'a', module 'b'. Replay", "Replay it with the strategy", b =>
                b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, Some.Place("attic")))),
        Of<ArgumentException>(
            "several stacked inputs",
            "there are 2 inputs",
            "(x, x[p], lambda)",
            b => new InputMixup { StackInput = true }.Begin([b.X, b.X], b.Y)),
        Of<ArgumentException>(
            "overwriting what needs a gradient",
            "Input 0 requires gradients",
            "detach it",
            b => new InputMixup { OverwriteInput = true }.Begin(b.X.clone().requires_grad_(), b.Y)),
        Of<ArgumentException>(
            "overwriting what shares memory",
            "its elements share memory",
            "clone the input",
            b => new InputMixup { OverwriteInput = true }.Begin(b.X.narrow(1, 0, 1).expand(6, 4), b.Y)),

        Of<ArgumentException>(
            "overwriting an autoencoder's target",
            "Input 0 shares memory with the target",
            "clone the target",
            b => Overwriting.Begin(b.X, b.X)),
        Of<ArgumentException>(
            "overwriting a sequence whose next items are the target",
            "Input 0 shares memory with the target",
            "clone the target",
            b => Overwriting.Begin(b.X.narrow(1, 0, 3), b.X.narrow(1, 1, 3))),
        Of<ArgumentException>(
            "overwriting one tensor twice",
            "Input 1 shares memory with another input",
            "clone one of them",
            b => Overwriting.Begin([b.X, b.X], b.Y)),
        Of<ArgumentException>(
            "overwriting rows that overlap",
            "its elements share memory",
            "clone the input",
            b => Overwriting.Begin(b.X.flatten().unfold(0, 4, 2).narrow(0, 0, 6), b.Y)),
        Of<ArgumentException>("overwriting by a draw of two outputs", "two rows for each sample, 12 in all", "one output", b =>
                Overwriting.Begin(
                    b.X, b.Y, new MixupDraw(new Mix(b.Mix.Coefficients, b.Mix.Partners, outputs: MixupOutputs.Both), MixupPlace.Input))),
        Of<ArgumentException>("overwriting an inference tensor", "made in inference mode", "clone the input", b =>
        {
            Tensor inference;
            using (inference_mode())
            {
                inference = b.X.clone();
            }

            Overwriting.Begin(inference, b.Y);
        }),
        Of<ArgumentException>(
            "a mask among the inputs",
            "type Bool cannot be blended",
            "step.Draw.Mix.UniteMask(mask)",
            b => b.Input.Begin([b.X, b.X.gt(0)], b.Y)),
        Of<ArgumentException>("a sparse input", "sparse tensor", "to_dense()", b => b.Input.Begin(b.X.to_sparse(), b.Y)),
        Of<InvalidOperationException>("the single input of a stacked step", "stacked input", "step.Inputs", b =>
        {
            using var step = new InputMixup { StackInput = true }.Begin(b.X, b.Y);
            _ = step.Input;
        }),
        Of<InvalidOperationException>("suspending a step that is over", "is disposed", "nothing is mixed", b =>
        {
            var step = b.Input.Begin(b.X, b.Y, new MixupDraw(b.Mix, MixupPlace.Input));
            step.Dispose();
            step.Suspend();
        }),
        Of<ArgumentNullException>("nowhere to warn", "value", "null", _ => new MixupOptions { Warn = null! }),
        Of<ArgumentOutOfRangeException>(
            "a state beyond the last", "value", "", b => b.Input.State = b.Input.State with { Batch = long.MaxValue }),

        // Manifold mixup.
        Of<ArgumentNullException>("no model", "model", "null", _ => new ManifoldMixup(null!)),
        Of<ArgumentException>(
            "a name that matches nothing",
            "no module is called 'attic'",
            "the modules are",
            b => b.Places(ManifoldPlaces.Named("attic").WithInput())),
        Of<ArgumentException>(
            "a module of another model",
            "a given module (Linear) is not in the model",
            "its modules are 'a', 'b', 'c'.",
            b => b.Places(ManifoldPlaces.Modules(b.Foreign).WithInput())),
        Of<ArgumentException>(
            "a module that is null", "one module or more", "none that is null", b => b.Places(ManifoldPlaces.Modules([null!]))),
        Of<ArgumentException>(
            "the model itself", "no place inside it", "use OutputMixup", b => b.Places(ManifoldPlaces.Modules(b.Model).WithInput())),
        Of<ArgumentException>("no names", "one name of a module or more", "none that is empty", _ => ManifoldPlaces.Named()),
        Of<ArgumentException>("an empty name", "one name of a module or more", "none that is empty", _ => ManifoldPlaces.Named("a", "")),
        Of<ArgumentException>("no modules", "one module or more", "none that is null", _ => ManifoldPlaces.Modules()),
        Of<ArgumentNullException>("no predicate", "predicate", "null", _ => ManifoldPlaces.Where(null!)),
        Of<ArgumentOutOfRangeException>(
            "a negative weight of the input", "weight of the input", "0 or more", _ => ManifoldPlaces.Found.WithInput(-1)),
        Of<ArgumentException>("a module without a name", "name", "empty", _ => MixupPlace.Module("")),
        Of<ArgumentException>(
            "a choice of nothing", "can be mixed by", "Name some by ManifoldPlaces", b => b.Places(ManifoldPlaces.Where((_, _) => false))),
        Of<ArgumentException>(
            "a negative weight",
            "The weight of 'a' is -1",
            "0 or more",
            b => b.Places(ManifoldPlaces.Named("a").WithInput().WithWeights(("a", -1)))),
        Of<ArgumentException>(
            "a weight for nothing",
            "no eligible module is called 'attic'",
            "the eligible modules are 'a'.",
            b => b.Places(ManifoldPlaces.Named("a").WithInput().WithWeights(("attic", 1)))),
        Of<ArgumentException>(
            "weights of 0 alone",
            "every place has weight 0",
            "more",
            b => b.Places(ManifoldPlaces.Named("a").WithInput(0).WithWeights(("*", 0)))),
        Of<ArgumentException>(
            "token ids mixed at the input",
            "type Int64 cannot be blended",
            "embedding",
            b => b.Manifold.Begin(b.Y, b.Y, new MixupDraw(b.Mix, MixupPlace.Input))),
        Of<InvalidOperationException>("steps that overlap", "steps of one model cannot overlap", "Dispose it before the next", b =>
        {
            using var first = b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, Some.Place("a")));
            using var second = b.Manifold.Begin(b.X, b.Y);
        }),
        Of<InvalidOperationException>("a module that does not run", "did not run by call(): 'a' (Linear)", "Run the model by call()", b =>
        {
            using var step = b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, Some.Place("a")));
            b.Loss.call(b.Foreign.call(step.Input), step.Target);
        }),
        Of<InvalidOperationException>("a module that gives another batch", "returned Float32 [5, 8]; expected", "WithBatchDimension", b =>
        {
            using var step = b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, Some.Place("a")));
            b.Model.call(b.X.narrow(0, 0, 5));
        }),

        Of<InvalidOperationException>("a loss after its step", "is disposed", "before the step ends", b =>
        {
            var step = b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, MixupPlace.Module("a")));
            step.Dispose();
            b.Loss.call(b.Model.call(b.X), step.Target);
        }),
        Of<InvalidOperationException>("a loss within a suspension", "is suspended", "End the suspension first", b =>
        {
            using var step = b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, MixupPlace.Module("a")));
            var mixed = b.Model.call(b.X);
            using var suspension = step.Suspend();
            b.Loss.call(mixed, step.Target);
        }),
        Of<InvalidOperationException>("the loss of a prediction that was not mixed", "made while the step was suspended",
            "Run the model again", b =>
        {
            using var step = b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, MixupPlace.Module("a")));
            b.Model.call(b.X);
            Tensor clean;
            using (step.Suspend())
            {
                clean = b.Model.call(b.X);
            }

            b.Loss.call(clean, step.Target);
        }),
        Of<InvalidOperationException>("the loss of another step's prediction", "made in another step", "Run the model in the step", b =>
        {
            Tensor old;
            using (b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, MixupPlace.Module("a"))))
            {
                old = b.Model.call(b.X);
            }

            using var step = b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, MixupPlace.Module("a")));
            b.Model.call(b.X);
            b.Loss.call(old, step.Target);
        }),
        Of<InvalidOperationException>("a module that runs outside of a pass", "outside of a pass of the model", "suspend the step", b =>
        {
            using var step = b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, MixupPlace.Module("a")));
            b.Model.call(b.X);
            ((Linear)b.Model.children().First()).call(b.X);
        }),
        Of<InvalidOperationException>("two passes that do not show", "passes cannot be told apart", "Run the whole model by call()", b =>
        {
            using var step = b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, MixupPlace.Module("a")));
            b.Model.forward(b.X);
            b.Model.forward(b.X);
        }),
        Of<InvalidOperationException>("steps of two models with a common part", "shares a module with it (Linear)",
            "Dispose one before the other", b =>
        {
            var other = Sequential(("a", (Linear)b.Model.children().First()), ("d", Tanh())); // its part is the bench's to dispose
            using var first = b.Manifold.Begin(b.X, b.Y, new MixupDraw(b.Mix, MixupPlace.Module("a")));
            using var second = new ManifoldMixup(other, places: ManifoldPlaces.Named("d")).Begin(b.X, b.Y);
        }),

        // Losses.
        Of<ArgumentException>("mixed labels of 1 and -1", "The targets of SoftMarginLoss cannot be mixed", "choose Losses", b =>
                new MixupLoss(SoftMarginLoss()).call(b.X, new MixedTarget(b.Mix, b.X.sign(), TargetMixing.Targets))),
        Of<ArgumentException>("mixed labels of an embedding loss", "The targets of HingeEmbeddingLoss cannot be mixed", "choose Losses",
            b =>
                new MixupLoss(HingeEmbeddingLoss()).call(b.X, new MixedTarget(b.Mix, b.X.sign(), TargetMixing.Targets))),
        Of<ArgumentException>("mixed logarithms", "The targets of KLDivLoss cannot be mixed", "choose Losses", b =>
                new MixupLoss(KLDivLoss(true)).call(b.X, new MixedTarget(b.Mix, b.X.log_softmax(1), TargetMixing.Targets))),
        Of<ArgumentException>("mixed class ids of a margin loss", "The targets of MultiMarginLoss cannot be mixed", "choose Losses", b =>
                new MixupLoss(MultiMarginLoss()).call(b.Logits, new MixedTarget(b.Mix, b.Y, TargetMixing.Targets))),
        Of<ArgumentOutOfRangeException>(
            "an unknown target mixing of a target", "no such TargetMixing", "ByLoss", b => new MixedTarget(b.Mix, b.Y, (TargetMixing)9)),
        Of<ArgumentException>("integer labels for a binary loss", "The target of BCEWithLogitsLoss is of type Int64",
            "to(ScalarType.Float32)", b =>
                new MixupLoss(BCEWithLogitsLoss()).call(b.Logits, new MixedTarget(b.Mix, functional.one_hot(b.Y, 3)))),
        Of<ArgumentException>(
            "boolean labels for a binary loss, in validation",
            "The target of BCEWithLogitsLoss is of type Bool",
            "to(ScalarType.Float32)",
            b => new MixupLoss(BCEWithLogitsLoss()).call(b.Logits, b.Logits.gt(0))),
        Of<ArgumentException>(
            "floating class ids",
            "The target of CrossEntropyLoss is Float32 [6]",
            "to(ScalarType.Int64)",
            b => b.Judge((loss, target) => loss.call(b.Logits, target), b.Y.to(ScalarType.Float32))),
        Of<ArgumentException>("a function that broadcasts", "[6, 6] for a prediction of shape [6, 1]", "squeeze(1)", b =>
                MixupLoss.FromUnreduced((p, t) => (p - t).abs()).call(b.X.narrow(1, 0, 1), new MixedTarget(b.Mix, b.X.select(1, 0)))),
        Of<ArgumentException>("weights of samples", "one for each sample", "weights of classes", b =>
                new MixupLoss(BCEWithLogitsLoss(b.X.narrow(1, 0, 1).abs())).call(b.Logits, new MixedTarget(b.Mix, b.Logits.sigmoid()))),
        Of<ArgumentNullException>("no loss", "loss", "null", _ => new MixupLoss((Loss<Tensor, Tensor, Tensor>)null!)),
        Of<ArgumentNullException>("no function", "unreduced", "null", _ => MixupLoss.FromUnreduced((Func<Tensor, Tensor, Tensor>)null!)),
        Of<ArgumentOutOfRangeException>(
            "an unknown reduction", "no such Reduction", "Mean", _ => MixupLoss.FromUnreduced((p, t) => p, (Reduction)9)),
        Of<ArgumentNullException>("a target without a mix", "mix", "null", b => new MixedTarget(null!, b.Y)),
        Of<ArgumentNullException>("a mix without a target", "target", "null", b => new MixedTarget(b.Mix, null!)),
        Of<ArgumentException>(
            "a mix with another batch's target", "the target has shape [5]", "here of 6", b => new MixedTarget(b.Mix, b.Y.narrow(0, 0, 5))),
        Of<ArgumentNullException>(
            "judging by nothing", "metric", "null", b => b.Judge((loss, target) => loss.Evaluate(null!, b.Logits, target))),
        Of<ArgumentNullException>(
            "judging nothing", "prediction", "null", b => b.Judge((loss, target) => loss.Evaluate((p, t) => p, null!, target))),
        Of<ArgumentNullException>(
            "the loss of no prediction", "prediction", "null", b => b.Judge((loss, target) => loss.call(null!, target))),
        Of<ArgumentNullException>("the loss against no target", "target", "null", b => b.Loss.call(b.Logits, (MixedTarget)null!)),
        Of<ArgumentNullException>("the plain loss of no prediction", "prediction", "null", b => b.Loss.call(null!, b.Y)),
        Of<ArgumentNullException>("the plain loss against no target", "target", "null", b => b.Loss.call(b.Logits, (Tensor)null!)),
        Of<ArgumentException>("losses of values that would broadcast", "[6, 1] but the target [6]", "squeeze(1)", b =>
            new MixupLoss(L1Loss()).call(b.Logits.narrow(1, 0, 1), new MixedTarget(b.Mix, b.X.select(1, 0), TargetMixing.Losses))),
        Of<ArgumentException>(
            "a prediction of another batch",
            "the prediction has shape [5, 3]",
            "here of 6",
            b => b.Judge((loss, target) => loss.call(b.Logits.narrow(0, 0, 5), target))),
        Of<ArgumentException>(
            "classes on the wrong dimension",
            "class ids [6, 2]",
            "Move the classes to dimension 1",
            b => b.Judge((loss, target) => loss.call(b.Logits.unsqueeze(1), target), stack([b.Y, b.Y], 1))),
        Of<ArgumentException>(
            "a class that is none",
            "class id 7 is not one of the 3 classes",
            "ignore_index",
            b => b.Judge((loss, target) => loss.call(b.Logits, target), full_like(b.Y, 7)),
            cpuOnly: true),
        Of<ArgumentException>(
            "a class just beyond the last",
            "class id 3 is not one of the 3 classes of the prediction, 0 to 2;",
            "ignore_index",
            b => b.Judge((loss, target) => loss.call(b.Logits, target), full_like(b.Y, 3)),
            cpuOnly: true),
        Of<ArgumentException>("a class that is none of a weighted loss",
            "class id 3 is not one of the 3 classes of the prediction, 0 to 2;", "ignore_index", b =>
                b.Judge((_, target) => new MixupLoss(CrossEntropyLoss(ones(3))).call(b.Logits, target), full_like(b.Y, 3)), cpuOnly: true),
        Of<ArgumentException>(
            "too few class weights",
            "2 class weights",
            "one weight for each class",
            b => b.Judge((_, target) => new MixupLoss(CrossEntropyLoss(ones(2))).call(b.Logits, target)),
            cpuOnly: true),
        Of<ArgumentException>("values that would broadcast", "[6, 1] but the target [6]", "squeeze(1)", b =>
                b.Judge((_, target) => new MixupLoss(MSELoss()).call(b.Logits.narrow(1, 0, 1), target), b.X.select(1, 0))),
        Of<ArgumentException>("a function that reduces", "returned shape []", "Reduction.None", b =>
                b.Judge((_, target) => MixupLoss.FromUnreduced((p, t) => functional.cross_entropy(p, t)).call(b.Logits, target))),
        Of<ArgumentException>(
            "a foreign loss that reduces",
            "reduces its values to their mean",
            "Build it with Reduction.None",
            b => b.Judge((_, target) => new MixupLoss(new Foreign()).call(b.Logits, target))),
        Of<ArgumentException>("output mixup before a loss without softmax", "MSELoss has none", "BCEWithLogitsLoss", b =>
        {
            using var step = b.Output.Begin(b.X, b.X, new MixupDraw(b.Mix, MixupPlace.Output));
            new MixupLoss(MSELoss()).call(b.X, step.Target);
        }),
        Of<ArgumentException>("a metric that reduces", "The metric returned shape []", "does not reduce", b =>
                b.Judge((loss, target) => loss.Evaluate((p, t) => p.argmax(1).eq(t).to(ScalarType.Float32).mean(), b.Logits, target))),
        Of<ArgumentException>("integer targets mixed for a prediction that does not go with them", "integer targets of shape [6, 2]",
            "TargetMixing.Losses", b =>
        {
            using var step = new InputMixup(new MixupOptions { TargetMixing = TargetMixing.Targets }).Begin(b.X, stack([b.Y, b.Y], 1));
            new MixupLoss(MSELoss()).call(b.Logits, step.Target);
        }),
    ];

    private static Tensor BytesOf(Bench b) => b.X.abs().to(ScalarType.Byte);

    private static InputMixup Converting(ToFloat toFloat) => new(new MixupOptions { ToFloat = toFloat });

    private static InputMixup Scheduled(Schedule schedule) => new(new MixupOptions { Schedule = schedule });

    private static InputMixup Paired(PairingRule pairing) => new(new MixupOptions { Pairing = pairing });

    private static InputMixup Overwriting => new() { OverwriteInput = true };

    public static TheoryData<string> Names => [.. Misuses.Select(misuse => misuse.Name)];

    [Fact]
    public void ThereAreEnoughAndNoneTwice()
    {
        Assert.InRange(Misuses.Length, 60, 300);
        Assert.Equal(Misuses.Length, Misuses.Select(misuse => misuse.Name).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheErrorIsClearAndTheNextBatchTrainsAsIfNothingHadHappened(string name) =>
        Misuses.Single(misuse => misuse.Name == name).Check();

    private sealed class Foreign() : Loss<Tensor, Tensor, Tensor>(Reduction.Mean)
    {
        public override Tensor forward(Tensor prediction, Tensor target) => prediction.mean();
    }
}
