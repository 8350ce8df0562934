using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>The code of every README compiles, and runs. Blocks write files, so they run alone and in a folder of their own.</summary>
[Collection(nameof(ReadmeTests))]
[CollectionDefinition(nameof(ReadmeTests), DisableParallelization = true)]
public sealed partial class ReadmeTests
{
    private const string Usings = """
        using System;
        using System.Collections.Generic;
        using System.IO;
        using System.Linq;
        using TorchSharp;
        using TorchSharp.Mixup;
        using TorchSharp.Mixup.Training;
        using TorchSharp.Mixup.Training.Mpi;
        using static TorchSharp.torch;
        using static TorchSharp.torch.nn;
        """;

    private static readonly Lazy<MetadataReference[]> References = new(() =>
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Select(path => MetadataReference.CreateFromFile(path))]);

    private static readonly Dictionary<string, string[]> Code = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "readmes"))
        .ToDictionary(
            path => Path.GetFileNameWithoutExtension(path),
            path => CSharpBlock().Matches(File.ReadAllText(path)).Select(match => match.Groups[1].Value.TrimEnd()).ToArray());

    /// <summary>The names that a block may use without declaring them, and their types.</summary>
    private static readonly (string Name, string Type)[] Given =
    [
        ("x", "Tensor"), ("y", "Tensor"), ("model", "nn.Module<Tensor, Tensor>"), ("optimizer", "optim.Optimizer"),
        ("batches", "IEnumerable<(Tensor, Tensor)>"), ("train", "IEnumerable<(Tensor, Tensor)>"),
        ("validation", "IEnumerable<(Tensor, Tensor)>"), ("learner", "Learner"),
    ];

    public static TheoryData<string, int> Blocks
    {
        get
        {
            var all = new TheoryData<string, int>();
            foreach (var (file, blocks) in Code)
            {
                for (var i = 0; i < blocks.Length; i++)
                {
                    all.Add(file, i);
                }
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Blocks))]
    public void EveryBlockCompilesAndRuns(string file, int number)
    {
        var block = Code[file][number];
        if (block.StartsWith("using TorchSharp;", StringComparison.Ordinal))
        {
            // As Program.cs of a new console project, which has implicit usings.
            var program = Load(Compile(block, "global using System; global using System.IO; global using System.Linq;\n" +
                "global using System.Collections.Generic;", OutputKind.ConsoleApplication));
            InAFolderOfItsOwn(() => program.EntryPoint!.Invoke(null, [Array.Empty<string>()]));
        }
        else if (block.StartsWith("sealed ", StringComparison.Ordinal))
        {
            Load(Compile($"{Usings}\n{block}"));
        }
        else
        {
            RunStatements(block);
        }
    }

    [Fact]
    public void TheReadmesHaveCodeAndTheFirstIsShort()
    {
        var text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "readmes", "README.md"));
        Assert.InRange(text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length, 300, 1_300);
        Assert.InRange(text.Split('\n').Length, 50, 220);
        Assert.Equal(2, Code["README"].Count(block => block.StartsWith("using TorchSharp;", StringComparison.Ordinal)));
        Assert.All(["Mixup", "Mixup.Training", "Mixup.Training.Mpi", "Mixup.Pictures"], guide => Assert.NotEmpty(Code[guide]));
        Assert.True(Blocks.Count > 25);
    }

    [Fact]
    public void EveryLineBesideThatOfAPeerRuns()
    {
        var guide = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "readmes", "Mixup.md"));
        var section = guide[guide.IndexOf("## Coming from", StringComparison.Ordinal)..];
        section = section[..section.IndexOf("\n## ", StringComparison.Ordinal)];
        var lines = section.Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal)).Skip(2)
            .Select(line => CodeSpan().Match(line.Trim('|').Split('|')[2]).Groups[1].Value).ToArray();
        Assert.InRange(lines.Length, 15, 100);
        RunStatements(string.Join('\n', lines.Select((line, i) => $"object line{i} = {line};")));
    }

    [Fact]
    public void ThePairingOfOnesOwnIsShortAndTrains()
    {
        var block = Code["Mixup"].Single(block => block.Contains(": PairingRule", StringComparison.Ordinal));
        Assert.InRange(block.Split('\n').Length, 2, 10);
        var pairing = (PairingRule)Activator.CreateInstance(Only(block, typeof(PairingRule)), 0L)!;
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var model = nn.Sequential(nn.Embedding(5, 8), nn.Flatten(), nn.Linear(48, 2)).to(Some.Device);
        using var optimizer = optim.Adam(model.parameters(), 0.02);
        var mixup = new ManifoldMixup(
            model, new MixupOptions { Pairing = pairing, Seed = 1 }, ManifoldPlaces.Named("0"));
        using var loss = new MixupLoss(nn.CrossEntropyLoss());
        long[] lengths = [3, 6, 1, 4, 2, 5];
        var y = tensor(lengths, device: Some.Device).gt(3).to(ScalarType.Int64);
        var positions = arange(6, device: Some.Device).unsqueeze(0);
        var x = positions.lt(tensor(lengths, device: Some.Device).unsqueeze(1)).to(ScalarType.Int64).mul(y.add(1).unsqueeze(1));
        for (var i = 0; i < 100; i++)
        {
            using var step = mixup.Begin(x, y);
            Assert.Equal([3, 2, 4, 5, 0, 1], step.Draw.Mix.Partners); // the next in length
            optimizer.zero_grad();
            loss.call(model.call(step.Input), step.Target).backward();
            optimizer.step();
        }

        Assert.Equal(6, model.call(x).argmax(1).eq(y).sum().cpu().item<long>());
    }

    [Fact]
    public void TheMethodOfOnesOwnIsShortAndTrains()
    {
        var block = Code["Mixup"].Single(block => block.Contains(": Method", StringComparison.Ordinal));
        Assert.InRange(block.Split('\n').Length, 2, 14);
        var method = (Method)Activator.CreateInstance(Only(block, typeof(Method)), 2)!;
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var model = nn.Sequential(nn.Flatten(), nn.Linear(48, 2)).to(Some.Device);
        using var optimizer = optim.Adam(model.parameters(), 0.02);
        var (mixup, loss) = (new InputMixup(new MixupOptions { Method = method, Seed = 1 }), new MixupLoss(nn.CrossEntropyLoss()));
        var y = arange(16, device: Some.Device).remainder(2);
        var x = rand(16, 1, 8, 6, device: Some.Device).add(y.view(16, 1, 1, 1)).sub(1);
        for (var i = 0; i < 100; i++)
        {
            using var step = mixup.Begin(x, y);
            Assert.All(step.Draw.Mix.Coefficients.ToArray(), lambda => Assert.Equal(0.5, lambda));
            optimizer.zero_grad();
            loss.call(model.call(step.Input), step.Target).backward();
            optimizer.step();
        }

        Assert.Equal(16, model.call(x).argmax(1).eq(y).sum().cpu().item<long>());
    }

    [Fact]
    public void TheCallbackOfOnesOwnChangesTrainingAlone()
    {
        var block = Code["Mixup.Training"].Single(block => block.Contains(": LearnerCallback", StringComparison.Ordinal));
        var noise = (LearnerCallback)Activator.CreateInstance(Only(block, typeof(LearnerCallback)), 100.0)!;
        using var noisy = new Small([noise]);
        using var plain = new Small();
        Assert.Equal(plain.Learner.Evaluate(plain.Valid).Loss, noisy.Learner.Evaluate(noisy.Valid).Loss);
        Assert.NotEqual(plain.Learner.Fit(plain.Train)[0].TrainLoss, noisy.Learner.Fit(noisy.Train)[0].TrainLoss);
    }

    private static Type Only(string block, Type type) =>
        Load(Compile($"{Usings}\n{block}")).GetTypes().Single(candidate => candidate.IsAssignableTo(type));

    private static void RunStatements(string block)
    {
        var lines = block.Split('\n');
        var usings = string.Join('\n', lines.Where(line => UsingDirective().IsMatch(line)));
        var code = string.Join('\n', lines.Where(line => !UsingDirective().IsMatch(line)));
        var given = Given.Where(name => !Regex.IsMatch(code, $@"(var|[\w>\])]) {name.Name} (=|in) |[(,]\s*{name.Name}\)? in "))
            .Where(name => !code.Contains($"var ({name.Name}, ", StringComparison.Ordinal)).ToArray();
        var parameters = string.Join(", ", given.Select(name => $"{name.Type} {name.Name}"));
        var assembly = Load(Compile($"{Usings}\n{usings}\nstatic class Block {{ static void Run({parameters}) {{\n{code}\n}} }}"));
        var run = assembly.GetType("Block")!.GetMethod("Run", BindingFlags.NonPublic | BindingFlags.Static)!;
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var model = new ReadmeModel();
        var (x, y) = (rand(4, 2), tensor(new long[] { 0, 1, 1, 0 }));
        var optimizer = optim.SGD(model.parameters(), 0.1);
        (Tensor, Tensor)[] batches = [(x, y), (x.flip(0), y.flip(0))];
        var values = new Dictionary<string, object>
        {
            ["x"] = x,
            ["y"] = y,
            ["model"] = model,
            ["optimizer"] = optimizer,
            ["batches"] = batches,
            ["train"] = batches,
            ["validation"] = batches,
            ["learner"] = new Learner(model, nn.CrossEntropyLoss(), optimizer, metrics: [Metric.Accuracy()]),
        };
        InAFolderOfItsOwn(() => run.Invoke(null, [.. given.Select(name => values[name.Name])]));
    }

    private static void InAFolderOfItsOwn(Action run)
    {
        var (before, folder) = (Directory.GetCurrentDirectory(), Directory.CreateTempSubdirectory("mixup-readme-").FullName);
        try
        {
            Directory.SetCurrentDirectory(folder);
            run();
        }
        finally
        {
            Directory.SetCurrentDirectory(before);
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Assembly Load(byte[] assembly) => Assembly.Load(assembly);

    private static byte[] Compile(string code, string? beside = null, OutputKind kind = OutputKind.DynamicallyLinkedLibrary)
    {
        var token = TestContext.Current.CancellationToken;
        var compilation = CSharpCompilation.Create(
            "readme" + Guid.NewGuid().ToString("N"),
            new[] { code, beside ?? "" }.Select(text => CSharpSyntaxTree.ParseText(text, cancellationToken: token)),
            References.Value,
            new CSharpCompilationOptions(kind, nullableContextOptions: NullableContextOptions.Enable));
        using var compiled = new MemoryStream();
        var result = compilation.Emit(compiled, cancellationToken: token);
        Assert.Empty(
            result.Diagnostics.Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Error)
                .Select(diagnostic => diagnostic.ToString()));
        return compiled.ToArray();
    }

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"^using (static )?[A-Z][\w.]*;")]
    private static partial Regex UsingDirective();

    /// <summary>A model with the module names that the READMEs use.</summary>
    private sealed class ReadmeModel : nn.Module<Tensor, Tensor>
    {
        private readonly nn.Module<Tensor, Tensor> embedding = nn.Linear(2, 2);
        private readonly nn.Module<Tensor, Tensor> layer1 = nn.Linear(2, 2);
        private readonly nn.Module<Tensor, Tensor> layer2 = nn.Linear(2, 2);
        private readonly nn.Module<Tensor, Tensor> layer3 = nn.Linear(2, 2);
        private readonly nn.Module<Tensor, Tensor> head = nn.Sequential(nn.ReLU(), nn.Linear(2, 2));

        public ReadmeModel()
            : base(nameof(ReadmeModel)) => RegisterComponents();

        public override Tensor forward(Tensor input) => head.call(layer3.call(layer2.call(layer1.call(embedding.call(input)))));
    }
}
