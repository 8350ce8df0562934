using System.Text.Json;
using Xunit.Sdk;

namespace TorchSharp.Mixup.Tests;

/// <summary>The reference vectors of other implementations: one case, its tensors and its own tolerance.</summary>
public sealed class VectorCase
{
    private readonly JsonElement json;

    private VectorCase(JsonElement json) => this.json = json;

    public string Name => json.GetProperty("name").GetString()!;

    public string Op => json.GetProperty("op").GetString()!;

    public double RelativeTolerance => json.GetProperty("rtol").GetDouble();

    public double AbsoluteTolerance => json.GetProperty("atol").GetDouble();

    public double[] Lambda => Numbers(json.GetProperty("lambda"));

    /// <summary>The draw before lambda was corrected.</summary>
    public double[] RawLambda => Numbers(json.GetProperty("lambda_raw"));

    /// <summary>The cell in the middle of the one box of the batch.</summary>
    public long[] Centre => [.. Numbers(json.GetProperty("centers")).Select(value => (long)value)];

    public long[] Permutation => [.. Numbers(json.GetProperty("permutation")).Select(value => (long)value)];

    public static TheoryData<string> Names(string family) => [.. Family(family).Select(c => c.Name)];

    public static TheoryData<string> NamesOf(string family, string op) => [.. Family(family).Where(c => c.Op == op).Select(c => c.Name)];

    public static VectorCase Find(string family, string name) => Family(family).First(c => c.Name == name);

    public Mix Mix(long batchSize)
    {
        var lambda = Lambda;
        return new Mix(lambda.Length == 1 ? [.. Enumerable.Repeat(lambda[0], (int)batchSize)] : lambda, Permutation);
    }

    /// <summary>
    /// The recorded fields: boxes or masks of the batch or of each sample, or numbers where the case says that a row was not cut.
    /// </summary>
    public IReadOnlyList<Field> Fields(Tensor x)
    {
        var batch = (int)x.shape[0];
        double[] Each(double[] values) => [.. Enumerable.Range(0, batch).Select(i => values[i % values.Length])];
        var lambda = Each(Lambda);
        if (json.TryGetProperty("mask", out var shared) || json.TryGetProperty("masks", out shared))
        {
            var mask = Read(shared).cpu();
            var ofPartner = Op is "gridmix" or "smoothmix";
            return [.. Enumerable.Range(0,
                batch).Select(i =>
                    mask.dim() == x.dim() - 2 ? mask : mask[i]).Select(weights => new MaskField(ofPartner ? 1 - weights : weights))];
        }

        var boxes = Numbers(json.GetProperty("boxes")).Select(value => (long)value).Chunk(4).ToArray();
        var cut = json.TryGetProperty("use_cutmix", out var switches) && switches.ValueKind != JsonValueKind.Null
            ? Each(Numbers(switches))
            : Each([1]);
        return
        [
            .. Enumerable.Range(0, batch).Select(Field (i) => cut[i] == 0
                ? new NumberField(lambda[i])
                : Box(
                    boxes[i % boxes.Length],
                    new Extent(x.shape.AsSpan(2)),
                    Param("correct_lam") is { ValueKind: JsonValueKind.False } ? lambda[i] : null)),
        ];
    }

    public static BoxField Box(long[] borders, Extent extent, double? lambda = null)
    {
        var box = new BoxField(extent, [borders[0], borders[2]], [borders[1], borders[3]]);
        return lambda is { } given ? box.WithLambda(given) : box;
    }

    public bool HasInput(string name) => Has("inputs", name);

    public Tensor Input(string name) => Read(json.GetProperty("inputs").GetProperty(name));

    public IEnumerable<(string Name, Tensor Value)> Weights =>
        json.GetProperty("weights").EnumerateObject().Select(p => (p.Name, Read(p.Value)));

    public bool HasExpected(string name) => Has("expected", name);

    public Tensor Expected(string name) => Read(json.GetProperty("expected").GetProperty(name));

    public IEnumerable<(string Name, Tensor Value)> ExpectedAll(string name) =>
        json.GetProperty("expected").GetProperty(name).EnumerateObject().Select(p => (p.Name, Read(p.Value)));

    public string? Text(string parameter) => Param(parameter) is { ValueKind: JsonValueKind.String } e ? e.GetString() : null;

    public double? Number(string parameter) => Param(parameter) is { ValueKind: JsonValueKind.Number } e ? e.GetDouble() : null;

    public bool Flag(string parameter) => Param(parameter) is { ValueKind: JsonValueKind.True };

    public JsonElement? Param(string name) => json.TryGetProperty("params", out var p) && p.TryGetProperty(name, out var e) ? e : null;

    /// <summary>A draw that the case recorded, such as <c>lambda_raw</c>.</summary>
    public double[] Recorded(string name) => Numbers(json.GetProperty(name));

    public double[] ExpectedNumbers(string name) => Numbers(json.GetProperty("expected").GetProperty(name));

    public double[] InputNumbers(string name) => Numbers(json.GetProperty("inputs").GetProperty(name));

    /// <summary>Fails unless every element is within the case's own tolerance.</summary>
    public void AssertClose(Tensor expected, Tensor actual, string what)
    {
        if (!expected.shape.SequenceEqual(actual.shape))
        {
            throw new XunitException($"{Name}, {what}: shape [{string.Join(", ", actual.shape)}] instead of " +
                $"[{string.Join(", ", expected.shape)}]");
        }

        using var scope = NewDisposeScope();
        var (want, got) = (expected.cpu().to(ScalarType.Float64), actual.detach().cpu().to(ScalarType.Float64));
        var excess = got.sub(want).abs().sub(want.abs().mul(RelativeTolerance)).sub(AbsoluteTolerance);
        var worst = excess.max().item<double>();
        if (!(worst <= 0))
        {
            throw new XunitException($"{Name}, {what}: off by {worst} more than the tolerance");
        }
    }

    private static IEnumerable<VectorCase> Family(string family)
    {
        using var stream = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "vectors", family + ".json"));
        return [.. JsonDocument.Parse(stream).RootElement.GetProperty("cases").EnumerateArray().Select(e => new VectorCase(e))];
    }

    private static double[] Numbers(JsonElement element) =>
        element.ValueKind switch
        {
            JsonValueKind.Number => [element.GetDouble()],
            JsonValueKind.Array => [.. element.EnumerateArray().Select(e => e.GetDouble())],
            _ => Numbers(element.GetProperty("data")),
        };

    private static Tensor Read(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Number)
        {
            return tensor(element.GetDouble(), ScalarType.Float64, Some.Device);
        }

        long[] shape = [.. element.GetProperty("shape").EnumerateArray().Select(e => e.GetInt64())];
        var dtype = element.GetProperty("dtype").GetString() switch
        {
            "float32" => ScalarType.Float32,
            "int64" => ScalarType.Int64,
            _ => ScalarType.Float64,
        };
        return tensor(Numbers(element), ScalarType.Float64).reshape(shape).to(dtype).to(Some.Device);
    }

    private bool Has(string group, string name) =>
        json.TryGetProperty(group, out var g) && g.TryGetProperty(name, out var e) && e.ValueKind != JsonValueKind.Null;
}
