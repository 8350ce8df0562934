using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Tests;

/// <summary>Outputs in which the batch is not the first dimension, against the formula written in torch's own operations.</summary>
public sealed class BatchDimensionTests
{
    private const int B = 5;
    private const int K = 3;

    public static TheoryData<string, string, int> Cases
    {
        get
        {
            TheoryData<string, string, int> cases = [];
            foreach (var length in new[] { 7, B, 2 * B }) // the last two leave doubt, were the module not known
            {
                foreach (var outputs in new[] { "mixed", "both", "clean and mixed" })
                {
                    cases.Add("encoder", outputs, length);
                    cases.Add("lstm", outputs, length);
                    cases.Add("gru", outputs, length);
                }
            }

            cases.Add("own", "mixed", 7);
            cases.Add("own", "both", 7);
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void TimeFirstIsMixedAlongTheBatch(string place, string outputs, int length)
    {
        using var scope = NewDisposeScope();
        using var model = new Classifier();
        var (ids, y) = (Some.Classes(1, 9, B, length), Some.Classes(2, K, B));
        var mix = new Mix(Some.Coefficients, Some.Permutation, Outputs(outputs));
        var weights = OfBatch(tensor(Some.Coefficients, device: Some.Device), dimension: 1, rank: 3);
        Check(model, ids, y, new MixupDraw(mix, Some.Place(place)), h => Mixed(h, weights, 1, outputs));
    }

    [Theory]
    [InlineData("encoder", "mixed")]
    [InlineData("lstm", "mixed")]
    [InlineData("encoder", "both")]
    [InlineData("lstm", "clean and mixed")]
    public void FieldsLieOverTime(string place, string outputs)
    {
        using var scope = NewDisposeScope();
        using var model = new Classifier();
        const int length = 8;
        var (ids, y) = (Some.Classes(1, 9, B, length), Some.Classes(2, K, B));
        Field[] fields =
        [
            new BoxField([length], [2], [5]), new BoxField([length], [0], [8]), new NumberField(0.3), new BoxField([length], [0], [0]),
            new BoxField([length], [7], [8]),
        ];
        var mix = new Mix(fields, Some.Permutation, Outputs(outputs), ExtentPosition.BehindBatch);
        var planes = ones([length, B, 1], ScalarType.Float64, Some.Device);
        planes[TensorIndex.Slice(2, 5), 0] = 0.0;
        planes[TensorIndex.Colon, 1] = 0.0;
        planes[TensorIndex.Colon, 2] = 0.3;
        planes[7, 4] = 0.0;
        Check(model, ids, y, new MixupDraw(mix, Some.Place(place)), h => Mixed(h, planes, 1, outputs));
    }

    [Fact]
    public void CutMixIsDrawnAndReplayed()
    {
        using var scope = NewDisposeScope();
        using var model = new Classifier();
        var (ids, y) = (Some.Classes(1, 9, B, 8), Some.Classes(2, K, B));
        var options = new MixupOptions
        {
            Method = new CutMix(1),
            ExtentPosition = ExtentPosition.BehindBatch,
            ExtentDimensions = 1,
            Seed = 4,
        };
        var mixup = new ManifoldMixup(model, options, ManifoldPlaces.Named("encoder"));
        Tensor first;
        MixupDraw draw;
        using (var step = mixup.Begin(ids, y))
        {
            (first, draw) = (model.call(step.Input).detach(), step.Draw);
        }

        Assert.Contains(draw.Mix.Fields, field => field.Lambda is > 0 and < 1);
        using var again = mixup.Begin(ids, y, draw);
        Some.AssertEqual(first, model.call(again.Input));
    }

    [Fact]
    public void ADimensionCanBeStated()
    {
        using var scope = NewDisposeScope();
        using var model = new Classifier();
        var y = Some.Classes(2, K, B);
        var weights = OfBatch(tensor(Some.Coefficients, device: Some.Device), dimension: 1, rank: 3);
        var places = ManifoldPlaces.Named("own", "embedding").WithBatchDimension(("own", 1), ("*", 0));
        foreach (var length in new[] { B, 2 * B })
        {
            var ids = Some.Classes(1, 9, B, length);
            Check(model, ids, y, new MixupDraw(Some.Mix(), Some.Place("own")), h => Mixed(h, weights, 1, "mixed"), places);
            Check(
                model, ids, y, new MixupDraw(Some.Mix(), Some.Place("embedding")),
                h => Mixed(h, weights.transpose(0, 1), 0, "mixed"), places);
        }
    }

    [Fact]
    public void TheLastDimensionCanBeTheBatch()
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(("a", new BatchLast()), ("b", new BatchLast()));
        var (x, y) = (Some.Normal(1, B, 4), Some.Classes(2, K, B));
        using var step = new ManifoldMixup(model, places: ManifoldPlaces.Named("a").WithBatchDimension(("a", 1))).Begin(
            x, y, new MixupDraw(Some.Mix(), Some.Place("a")));
        Some.AssertClose(Some.Mix().Blend(x), model.call(step.Input), 1e-6, 1e-6);
    }

    /// <summary>What an earlier batch showed counts for one whose sizes leave doubt.</summary>
    [Fact]
    public void WhatSizesDoNotTellIsRefusedUntilABatchHasToldIt()
    {
        using var scope = NewDisposeScope();
        using var model = new Classifier();
        var mixup = new ManifoldMixup(model, places: ManifoldPlaces.Named("own"));
        var draw = new MixupDraw(Some.Mix(), Some.Place("own"));
        void Run(int length)
        {
            using var step = mixup.Begin(Some.Classes(1, 9, B, length), Some.Classes(2, K, B), draw);
            model.call(step.Input);
        }

        foreach (var length in new[] { B, 2 * B, 1 })
        {
            var message = Assert.Throws<InvalidOperationException>(() => Run(length)).Message;
            Assert.StartsWith(
                $"Module 'own' (Tanh) returned Float64 [{length}, 5, 8]; expected a floating-point tensor whose sizes show that one " +
                "dimension alone is the batch (5). If dimension 1 is the batch, say so by " +
                "ManifoldPlaces.WithBatchDimension((\"own\", 1)). ",
                message,
                StringComparison.Ordinal);
        }

        Run(7);
        foreach (var length in new[] { B, 2 * B, 1 })
        {
            Run(length);
        }
    }

    [Fact]
    public void TheEmbeddingOfATimeFirstModelStillHasTheBatchFirst()
    {
        using var scope = NewDisposeScope();
        using var model = new Classifier();
        var y = Some.Classes(2, K, B);
        var weights = OfBatch(tensor(Some.Coefficients, device: Some.Device), dimension: 0, rank: 3);
        Check(
            model, Some.Classes(1, 9, B, 7), y, new MixupDraw(Some.Mix(), Some.Place("embedding")), h => Mixed(h, weights, 0, "mixed"));
    }

    /// <summary>Without a module that puts time first, no size makes dimension 1 the batch.</summary>
    [Fact]
    public void WithoutEvidenceTheBatchIsFirst()
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(("turn", new Turned()), ("back", new Turned()));
        var y = Some.Classes(2, K, B);
        var draw = new MixupDraw(Some.Mix(), Some.Place("turn"));
        using (var step = new ManifoldMixup(model, places: ManifoldPlaces.Named("turn")).Begin(Some.Normal(1, B, 7, 4), y, draw))
        {
            Assert.Contains(
                "returned Float32 [7, 5, 4]; expected a floating-point tensor whose first dimension is the batch (5)",
                Assert.Throws<InvalidOperationException>(() => model.call(step.Input)).Message,
                StringComparison.Ordinal);
        }

        var places = ManifoldPlaces.Named("turn").WithBatchDimension(("turn", 1));
        var x = Some.Normal(1, B, 7, 4);
        using var stated = new ManifoldMixup(model, places: places).Begin(x, y, draw);
        var mixed = model.call(stated.Input);
        Some.AssertClose(Some.Mix().Blend(x), mixed, 1e-6, 1e-6);
    }

    [Fact]
    public void AnEncoderThatIsFedTheBatchFirstIsRefused()
    {
        using var scope = NewDisposeScope();
        using var model = new Classifier { TurnsBack = true };
        using var step = new ManifoldMixup(model, places: ManifoldPlaces.Named("encoder")).Begin(
            Some.Classes(1, 9, B, 7), Some.Classes(2, K, B));
        Assert.StartsWith(
            "Module 'encoder' (TransformerEncoder) returned Float64 [5, 7, 8]; expected a floating-point tensor whose dimension 1 is the " +
            "batch (5), as it is for this module.",
            Assert.Throws<InvalidOperationException>(() => model.call(step.Input)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AStatedDimensionThatIsNotTheBatchIsRefused()
    {
        using var scope = NewDisposeScope();
        using var model = new Classifier();
        var places = ManifoldPlaces.Named("encoder").WithBatchDimension(("encoder", 3));
        using var step = new ManifoldMixup(model, places: places).Begin(Some.Classes(1, 9, B, 7), Some.Classes(2, K, B));
        Assert.Contains(
            "expected a floating-point tensor whose dimension 3 is the batch (5), as WithBatchDimension says",
            Assert.Throws<InvalidOperationException>(() => model.call(step.Input)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void ABatchFirstLstmIsKnown()
    {
        using var scope = NewDisposeScope();
        foreach (var batchFirst in new[] { true, false })
        {
            using var model = new States(batchFirst, usesState: false);
            var mixup = new ManifoldMixup(model, places: ManifoldPlaces.Named("lstm"));
            Assert.Contains(
                $"lstm (LSTM): the first of its outputs{(batchFirst ? string.Empty : "; the batch is dimension 1")}\n",
                mixup.Explain().ReplaceLineEndings("\n"),
                StringComparison.Ordinal);
            var x = Some.Normal(1, B, B, 6); // as many steps as samples
            using var step = mixup.Begin(x, Some.Classes(2, K, B), new MixupDraw(Some.Mix(), Some.Place("lstm")));
            var hidden = model.Lstm.forward(batchFirst ? x : x.transpose(0, 1)).Item1;
            var mixed = Some.Mix().Blend(batchFirst ? hidden : hidden.transpose(0, 1));
            Some.AssertClose(model.Head.forward(mixed.mean([1])), model.call(step.Input), 1e-5, 1e-6);
        }
    }

    /// <summary>Of a tuple the first item is mixed. A model that uses another item is not mixed, so a mixed loss of it is wrong.</summary>
    [Fact]
    public void AClassifierOfTheLastStateIsRefused()
    {
        using var scope = NewDisposeScope();
        using var model = new States(batchFirst: false, usesState: true);
        List<string> warnings = [];
        var mixup = new ManifoldMixup(model, new MixupOptions { Warn = warnings.Add }, ManifoldPlaces.Named("lstm"));
        using var step = mixup.Begin(Some.Normal(1, B, 7, 6), Some.Classes(2, K, B));
        var prediction = model.call(step.Input);
        Assert.Contains(
            "does not come from the first output of module 'lstm' (LSTM)",
            Assert.Throws<InvalidOperationException>(() => new MixupLoss(CrossEntropyLoss()).call(prediction, step.Target)).Message,
            StringComparison.Ordinal);
        Assert.Contains("does not come from the first output of module 'lstm'", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float16)]
    public void WhatIsMixedIsContiguousAndHasTheBitsOfTheBatchFirst(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var model = Sequential(("turn", new Turned(contiguous: true)), ("look", new Looks()));
        var x = Some.Normal(1, dtype, B, 7, 4);
        var places = ManifoldPlaces.Named("turn").WithBatchDimension(("turn", 1));
        foreach (var outputs in new[] { MixupOutputs.Mixed, MixupOutputs.Both })
        {
            var mix = new Mix(Some.Coefficients, Some.Permutation, outputs);
            using var step = new ManifoldMixup(model, new MixupOptions { Outputs = outputs }, places).Begin(
                x, Some.Classes(2, K, B), new MixupDraw(mix, Some.Place("turn")));
            var mixed = model.call(step.Input); // refuses what is not contiguous
            Some.AssertClose(mix.Blend(x).transpose(0, 1), mixed, Some.Epsilon(dtype), 1e-3);
            Some.AssertEqual(x[2], mixed[TensorIndex.Colon, 2]); // lambda 1 copies bits
        }
    }

    [Fact]
    public void NothingIsLeftAlive()
    {
        using var model = new Classifier();
        var mixup = new ManifoldMixup(model, new MixupOptions { Seed = 1 }, ManifoldPlaces.Named("encoder", "lstm", "own"));
        void Steps(int count)
        {
            for (var i = 0; i < count; i++)
            {
                using var scope = NewDisposeScope();
                using var step = mixup.Begin(Some.Classes(1, 9, B, 7), Some.Classes(2, K, B));
                new MixupLoss(CrossEntropyLoss()).call(model.call(step.Input), step.Target).backward();
                model.zero_grad();
            }
        }

        Steps(6);
        var before = Some.LiveTensors;
        Steps(6);
        Assert.Equal(before, Some.LiveTensors);
    }

    private static MixupOutputs Outputs(string name) => name switch
    {
        "both" => MixupOutputs.Both,
        "clean and mixed" => MixupOutputs.CleanAndMixed(),
        _ => MixupOutputs.Mixed,
    };

    private static Tensor OfBatch(Tensor weights, int dimension, int rank)
    {
        var shape = Enumerable.Repeat(1L, rank).ToArray();
        shape[dimension] = weights.shape[0];
        return weights.reshape(shape);
    }

    private static Tensor Mixed(Tensor h, Tensor weights, int dimension, string outputs)
    {
        var partner = h.index_select(dimension, tensor(Some.Permutation, device: Some.Device));
        var mixed = (h * weights) + (partner * (1 - weights));
        return outputs switch
        {
            "both" => cat([mixed, (h * (1 - weights)) + (partner * weights)], dimension),
            "clean and mixed" => cat([h, mixed], dimension),
            _ => mixed,
        };
    }

    /// <summary>Predictions and the gradient of every parameter, beside those of the model with the formula in it.</summary>
    private static void Check(
        Classifier model, Tensor ids, Tensor y, MixupDraw draw, Func<Tensor, Tensor> formula, ManifoldPlaces? places = null)
    {
        var name = draw.Place.ModuleName!;
        var direction = Some.Normal(5, ScalarType.Float64, draw.Mix.Rows, K);
        Dictionary<string, Tensor?> Gradients(Tensor prediction)
        {
            model.zero_grad();
            (prediction * direction).sum().backward();
            return model.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter.grad?.clone());
        }

        model.Formula = (name, formula);
        var expected = model.call(ids);
        var expectedGradients = Gradients(expected);
        model.Formula = null;
        var mixup = new ManifoldMixup(model, new MixupOptions { Outputs = draw.Mix.Outputs }, places ?? ManifoldPlaces.Named(name));
        using var step = mixup.Begin(ids, y, draw);
        var actual = model.call(step.Input);
        Some.AssertClose(expected, actual, 1e-12, 1e-13);
        var gradients = Gradients(actual);
        Assert.Contains(gradients.Values, gradient => gradient is not null);
        foreach (var (parameter, gradient) in expectedGradients)
        {
            Assert.Equal(gradient is null, gradients[parameter] is null);
            if (gradient is not null)
            {
                Some.AssertClose(gradient, gradients[parameter]!, 1e-10, 1e-12);
            }
        }
    }

    /// <summary>Text as TorchSharp's own modules take it: time first between the embedding and the mean.</summary>
    private sealed class Classifier : Module<Tensor, Tensor>
    {
        private readonly Embedding embedding = Embedding(9, 8);
        private readonly TransformerEncoder encoder = TransformerEncoder(TransformerEncoderLayer(8, 2, 16, dropout: 0), 2);
        private readonly Tanh own = Tanh();
        private readonly LSTM lstm = LSTM(8, 8);
        private readonly GRU gru = GRU(8, 8);
        private readonly Linear head = Linear(8, K);

        public Classifier()
            : base(nameof(Classifier))
        {
            RegisterComponents();
            this.to(ScalarType.Float64).to(Some.Device);
        }

        public (string Name, Func<Tensor, Tensor> Apply)? Formula { get; set; }

        public bool TurnsBack { get; set; }

        public override Tensor forward(Tensor ids)
        {
            var embedded = At("embedding", embedding.call(ids)).transpose(0, 1);
            var encoded = At("encoder", encoder.call(TurnsBack ? embedded.transpose(0, 1) : embedded));
            var turned = At("own", own.call(encoded));
            var (read, _, _) = lstm.call(turned);
            read = At("lstm", read);
            var (again, _) = gru.call(read);
            return head.call(At("gru", again).mean([0]));
        }

        private Tensor At(string name, Tensor output) => Formula is { } formula && formula.Name == name ? formula.Apply(output) : output;
    }

    private sealed class States : Module<Tensor, Tensor>
    {
        private readonly bool batchFirst;
        private readonly bool usesState;

        public States(bool batchFirst, bool usesState)
            : base(nameof(States))
        {
            (this.batchFirst, this.usesState, Lstm) = (batchFirst, usesState, LSTM(6, 8, batchFirst: batchFirst));
            register_module("lstm", Lstm);
            register_module("head", Head);
            this.to(Some.Device);
        }

        public LSTM Lstm { get; }

        public Linear Head { get; } = Linear(8, K);

        public override Tensor forward(Tensor input)
        {
            var (output, state, _) = Lstm.call(batchFirst ? input : input.transpose(0, 1));
            return Head.call(usesState ? state[-1] : output.mean([batchFirst ? 1 : 0]));
        }
    }

    private sealed class Turned(bool contiguous = false) : Module<Tensor, Tensor>(nameof(Turned))
    {
        public override Tensor forward(Tensor input) => contiguous ? input.transpose(0, 1).contiguous() : input.transpose(0, 1);
    }

    private sealed class BatchLast() : Module<Tensor, Tensor>(nameof(BatchLast))
    {
        public override Tensor forward(Tensor input) => input.transpose(0, -1);
    }

    private sealed class Looks() : Module<Tensor, Tensor>(nameof(Looks))
    {
        public override Tensor forward(Tensor input) =>
            input.is_contiguous() ? input.alias() : throw new InvalidOperationException("The output is not contiguous.");
    }
}
