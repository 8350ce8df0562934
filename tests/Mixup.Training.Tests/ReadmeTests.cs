using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace TorchSharp.Mixup.Training.Tests;

/// <summary>The README's code compiles, and the loop and the learner are as short as it says.</summary>
public sealed partial class ReadmeTests
{
    private const string Around = """
        using System;
        using System.Collections.Generic;
        using System.Linq;
        {0}
        static class Block
        {
            static readonly Tensor x = rand(4, 2), y = zeros(4, ScalarType.Int64);

            static void Run(
                nn.Module<Tensor, Tensor> model,
                optim.Optimizer optimizer,
                IEnumerable<(Tensor, Tensor)> batches,
                IEnumerable<(Tensor, Tensor)> train,
                IEnumerable<(Tensor, Tensor)> valid)
            {
        {1}
            }
        }
        """;

    public static TheoryData<string> Blocks =>
        [.. CSharpBlock().Matches(File.ReadAllText(Path.Combine(AppContext.BaseDirectory,
            "README.md"))).Select(match => match.Groups[1].Value)];

    [Theory]
    [MemberData(nameof(Blocks))]
    public void EveryBlockCompiles(string block) => Assert.NotEmpty(Compile(block));

    [Fact]
    public void ThePairingOfOnesOwnIsShortAndTrains()
    {
        var block = Blocks.Select(row => (string)row.Data).Single(
            block => block.Contains(": PairingRule", StringComparison.Ordinal)).TrimEnd();
        Assert.InRange(block.Split('\n').Length, 2, 10);
        var type = Assembly.Load(Compile(block)).GetTypes().Single(type => type.IsAssignableTo(typeof(PairingRule)));
        var pairing = (PairingRule)Activator.CreateInstance(type, 0L)!;
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
        var block = Blocks.Select(row => (string)row.Data).Single(block => block.Contains(": Method", StringComparison.Ordinal)).TrimEnd();
        Assert.InRange(block.Split('\n').Length, 2, 14);
        var type = Assembly.Load(Compile(block)).GetTypes().Single(type => type.IsAssignableTo(typeof(Method)));
        var method = (Method)Activator.CreateInstance(type, 2)!;
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
    public void TheLoopAndTheLearnerAreShort()
    {
        var blocks = Blocks.Select(row => (string)row.Data).ToArray();
        foreach (var mark in new[] { "foreach (var (x, y) in batches)", "new Learner(" })
        {
            Assert.InRange(blocks.First(block => block.Contains(mark, StringComparison.Ordinal)).TrimEnd().Split('\n').Length, 2, 14);
        }
    }

    private static byte[] Compile(string block)
    {
        var lines = block.TrimEnd().Split('\n');
        var usings = lines.Where(line => UsingDirective().IsMatch(line));
        string[] always = [
            "using TorchSharp;",
            "using TorchSharp.Mixup;",
            "using TorchSharp.Mixup.Training;",
            "using static TorchSharp.torch;",
            "using static TorchSharp.torch.nn;"
        ];
        var code = string.Join('\n', lines.Where(line => !usings.Contains(line)));
        var isType = code.StartsWith("sealed ", StringComparison.Ordinal);
        var source = "#nullable enable\n" + Around.Replace("{0}", string.Join('\n', always.Union(usings)), StringComparison.Ordinal)
            .Replace("{1}", isType ? string.Empty : code, StringComparison.Ordinal) + (isType ? code : string.Empty);
        var assemblies = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        var compilation = CSharpCompilation.Create(
            "readme" + Guid.NewGuid().ToString("N"),
            [CSharpSyntaxTree.ParseText(source, cancellationToken: TestContext.Current.CancellationToken)],
            assemblies.Select(path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        using var compiled = new MemoryStream();
        var result = compilation.Emit(compiled, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Empty(
            result.Diagnostics.Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Error)
                .Select(diagnostic => diagnostic.ToString()));
        return compiled.ToArray();
    }

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();

    [GeneratedRegex(@"^using (static )?[A-Z][\w.]*;")]
    private static partial Regex UsingDirective();
}
