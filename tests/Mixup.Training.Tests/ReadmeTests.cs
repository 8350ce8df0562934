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

            static void Run(nn.Module<Tensor, Tensor> model, optim.Optimizer optimizer, IEnumerable<(Tensor, Tensor)> batches, IEnumerable<(Tensor, Tensor)> train, IEnumerable<(Tensor, Tensor)> valid)
            {
        {1}
            }
        }
        """;

    public static TheoryData<string> Blocks => [.. CSharpBlock().Matches(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "README.md"))).Select(match => match.Groups[1].Value)];

    [Theory]
    [MemberData(nameof(Blocks))]
    public void EveryBlockCompiles(string block)
    {
        var lines = block.TrimEnd().Split('\n');
        var usings = lines.Where(line => UsingDirective().IsMatch(line));
        string[] always = ["using TorchSharp;", "using TorchSharp.Mixup;", "using TorchSharp.Mixup.Training;", "using static TorchSharp.torch;", "using static TorchSharp.torch.nn;"];
        var source = Around.Replace("{0}", string.Join('\n', always.Union(usings)), StringComparison.Ordinal).Replace("{1}", string.Join('\n', lines.Except(usings)), StringComparison.Ordinal);
        var assemblies = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        var compilation = CSharpCompilation.Create(
            "readme",
            [CSharpSyntaxTree.ParseText(source, cancellationToken: TestContext.Current.CancellationToken)],
            assemblies.Select(path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        Assert.Empty(compilation.GetDiagnostics(TestContext.Current.CancellationToken).Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Error).Select(diagnostic => diagnostic.ToString()));
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

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();

    [GeneratedRegex(@"^using (static )?[A-Z][\w.]*;")]
    private static partial Regex UsingDirective();
}
