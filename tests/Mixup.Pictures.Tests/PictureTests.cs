namespace TorchSharp.Mixup.Pictures.Tests;

public sealed class PictureTests : IDisposable
{
    private const int Factor = 3; // of 7 pixels, to make 20 or more

    private static readonly PictureOptions Small = new() { TileSize = 20 };
    private readonly string folder = Directory.CreateTempSubdirectory("mixup").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    public static TheoryData<ScalarType, int, bool> Kinds
    {
        get
        {
            var rows = new TheoryData<ScalarType, int, bool>();
            foreach (var dtype in new[] { ScalarType.Byte, ScalarType.Float16, ScalarType.Float32, ScalarType.Float64 })
            {
                rows.Add(dtype, 1, false);
                rows.Add(dtype, 3, true);
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void ThePixelsAreThoseOfTheBatch(ScalarType dtype, int channels, bool cuts)
    {
        using var scope = NewDisposeScope();
        var bytes = Bytes(1, 5, channels, 5, 7);
        var images = dtype == ScalarType.Byte ? bytes : bytes.to(ScalarType.Float32).div(255).to(dtype);
        var mix = Draw(cuts);
        var path = Path.Combine(folder, "new", "batch.png");
        mix.Picture(images, count: 4, options: Small).SavePng(path);
        var picture = new Decoded(File.ReadAllBytes(path));

        var mixed = mix.Blend(dtype == ScalarType.Byte ? bytes.to(ScalarType.Float32).div(255) : images);
        var partners = bytes[tensor(mix.Partners.ToArray())];
        Tensor[] rows = [bytes, partners, mixed.to(ScalarType.Float32).mul(255).round().to(ScalarType.Byte)];
        var places = rows.Select((row, r) => Enumerable.Range(0, 4).Select(i => picture.Find(row[i], Factor)).ToArray()).ToArray();
        var samples = places[0].Select(found => found.MinBy(place => place.Y)).ToArray();
        Assert.Equal(samples.Select(place => place.X).Distinct().Order(), samples.Select(place => place.X));
        Assert.Single(samples.Select(place => place.Y).Distinct());
        for (var i = 0; i < 4; i++)
        {
            // A column holds a sample, its partner and their mix, from top to bottom; a sample is a partner elsewhere.
            var sample = samples[i];
            var partner = places[1][i].Single(place => place.X == sample.X && place.Y > sample.Y && place.Y < sample.Y + 60);
            Assert.Contains(places[2][i], place => place.X == sample.X && place.Y > partner.Y + 20);
        }

        Assert.Empty(picture.Find(Bytes(9, 1, channels, 5, 7)[0], Factor));
    }

    [Fact]
    public void ATensorHasThePixelsOfTheFile()
    {
        using var scope = NewDisposeScope();
        var mix = Draw(cuts: true);
        var sheet = mix.Picture(Bytes(2, 5, 3, 6, 6), labels: ["a", "b", "c", "d", "e"]);
        var pixels = sheet.ToTensor();
        var picture = new Decoded(sheet.ToPng());
        Assert.Equal([3, picture.Height, picture.Width], pixels.shape);
        Assert.Equal(picture.Planes, pixels.data<byte>().ToArray());
    }

    [Fact]
    public void TheSizeFollowsFromTheImages()
    {
        using var scope = NewDisposeScope();
        var mix = Draw(cuts: true);
        var images = Bytes(3, 5, 1, 10, 10);
        Decoded Of(int count, int tile) => new(mix.Picture(images, count: count, options: new() { TileSize = tile }).ToPng());
        var (two, three, four) = (Of(2, 100), Of(3, 100), Of(4, 100));
        Assert.Equal(three.Width - two.Width, four.Width - three.Width);
        Assert.InRange(three.Width - two.Width, 101, 130);
        Assert.Equal((two.Width + 20, two.Height + 30), (Of(2, 101).Width, Of(2, 110).Height));
        Assert.Equal((Of(5, 100).Width, four.Height), (Of(50, 100).Width, Of(5, 100).Height));
    }

    [Fact]
    public void ImagesOfAnotherSizeFillTheTileOfTheFirst()
    {
        using var scope = NewDisposeScope();
        var (large, half) = (Bytes(4, 2, 3, 8, 8), Bytes(5, 2, 1, 4, 4));
        var sheet = new PictureSheet(new() { TileSize = 16 }).Add("8", large).Separate().Add("4\nhalf", half, ["one", "two"]);
        var picture = new Decoded(sheet.ToPng());
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(Assert.Single(picture.Find(large[i], 2)).X, Assert.Single(picture.Find(half[i], 4)).X);
        }
    }

    [Fact]
    public void NormalizedImagesLookLikeTheirOriginals()
    {
        using var scope = NewDisposeScope();
        double[] mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225];
        var images = Bytes(6, 5, 3, 6, 6).to(ScalarType.Float64).div(255);
        var normalized = images.sub(tensor(mean).view(3, 1, 1)).div(tensor(std).view(3, 1, 1));
        var mix = Draw(cuts: true);
        Assert.Equal(mix.Picture(images).ToPng(), mix.Picture(normalized, options: new() { Mean = mean, Std = std }).ToPng());
    }

    [Fact]
    public void BothCombinationsAreShown()
    {
        using var scope = NewDisposeScope();
        var images = Bytes(7, 3, 1, 6, 6);
        var mix = new Mix([0.25, 0.5, 0.75], [1, 2, 0], MixupOutputs.Both);
        var picture = new Decoded(mix.Picture(images, options: Small).ToPng());
        var rows = mix.Blend(images.to(ScalarType.Float32).div(255)).mul(255).round().to(ScalarType.Byte);
        for (var i = 0; i < 3; i++)
        {
            var (first, second) = (picture.Find(rows[i], 4), picture.Find(rows[i + 3], 4));
            Assert.Contains(first, place => second.Any(other => other.X == place.X && other.Y > place.Y));
        }
    }

    [Fact]
    public void CleanRowsAreShownOnce()
    {
        using var scope = NewDisposeScope();
        var images = Bytes(7, 3, 1, 6, 6);
        var mixed = new Mix([0.25, 0.5, 0.75], [1, 2, 0]);
        var beside = new Mix([0.25, 0.5, 0.75], [1, 2, 0], MixupOutputs.CleanAndMixed());
        Assert.Equal(mixed.Picture(images).ToPng(), beside.Picture(images).ToPng());
    }

    [Fact]
    public void TextIsDrawn()
    {
        using var scope = NewDisposeScope();
        var image = zeros(1, 1, 8, 8);
        byte[] Of(string caption, PictureOptions? options = null) => new PictureSheet(options).Add("row", image, [caption]).ToPng();
        byte[][] different =
        [
            Of(" "), Of("λ 0.70"), Of("λ 0.71"), Of("0.70"),
            Of(" ", new() { Title = "T" }), Of(" ", new() { Note = "T" }), Of(" ", new() { TextSize = 20 }),
        ];
        Assert.Equal(different.Length, different.Select(Convert.ToBase64String).Distinct().Count());
    }

    [Fact]
    public void NothingIsLeftBehind()
    {
        using var images = Bytes(8, 5, 3, 6, 6);
        var mix = Draw(cuts: false);
        mix.Picture(images).ToPng();
        using var integers = images.to(ScalarType.Int32);
        var live = Tensor.TotalCount;
        mix.Picture(images).ToPng();
        Assert.Throws<ArgumentException>(() => mix.Picture(integers));
        mix.Picture(images).ToTensor().Dispose();
        Assert.Equal(live, Tensor.TotalCount);
    }

    public static TheoryData<string, Action<Mix>> Refusals => new()
    {
        { "expected the whole batch before mixing, [5, 1 or 3, H, W]", mix => mix.Picture(zeros(4, 1, 6, 6)) },
        { "shape [5, 6, 6]", mix => mix.Picture(zeros(5, 6, 6)) },
        { "shape [5, 4, 6, 6]; expected [N, 1, H, W]", mix => mix.Picture(zeros(5, 4, 6, 6)) },
        { "narrow(1, 0, 1)", mix => mix.Picture(zeros(5, 2, 6, 6)) },
        { "no dimension of 0", mix => mix.Picture(zeros(5, 1, 0, 6)) },
        { "of type Int64; expected bytes", mix => mix.Picture(zeros(5, 1, 6, 6, ScalarType.Int64)) },
        { "values from -2 to -2; expected 0 to 1", mix => mix.Picture(full([5, 1, 6, 6], -2.0)) },
        { "divide by 255. (Parameter 'images')", mix => mix.Picture(full([5, 1, 6, 6], 200.0)) },
        { "expected 0 to 1", mix => mix.Picture(full([5, 1, 6, 6], double.NaN)) },
        { "Std has 3 numbers for images of 1 channels", mix => mix.Picture(zeros(5, 1, 6, 6), options: new() { Std = [1, 1, 1] }) },
        { "META", mix => mix.Picture(zeros([5, 1, 6, 6], device: META)) },
        { "4 labels for a batch of 5", mix => mix.Picture(zeros(5, 1, 6, 6), ["a", "b", "c", "d"]) },
        { "2 captions for 3 images", _ => new PictureSheet().Add("row", zeros(3, 1, 6, 6), ["a", "b"]) },
        { "count", mix => mix.Picture(zeros(5, 1, 6, 6), count: 0) },
        { "tile", mix => mix.Picture(zeros(5, 1, 6, 6), options: new() { TileSize = 0 }) },
        { "text", mix => mix.Picture(zeros(5, 1, 6, 6), options: new() { TextSize = float.NaN }) },
        { "path", mix => mix.Picture(zeros(5, 1, 6, 6)).SavePng(string.Empty) },
    };

    [Theory]
    [MemberData(nameof(Refusals), DisableDiscoveryEnumeration = true)]
    public void WhatCannotBeDrawnIsRefused(string text, Action<Mix> act)
    {
        using var scope = NewDisposeScope();
        var mix = Draw(cuts: false);
        Assert.Contains(text, Assert.ThrowsAny<ArgumentException>(() => act(mix)).Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void AnEmptySheetIsRefused() => Assert.Throws<InvalidOperationException>(() => new PictureSheet().ToPng());

    private static Tensor Bytes(long seed, params long[] shape)
    {
        using var generator = new Generator((ulong)seed, CPU);
        return randint(0, 255, shape, ScalarType.Byte, CPU, generator: generator);
    }

    private static Mix Draw(bool cuts) => cuts
        ? new Mix(
            Array.ConvertAll<int, Field>([0, 1, 2, 3, 4], i => new BoxField(new Extent(5, 7), [i % 3, 1], [4, 3 + (i % 4)])),
            Some.Permutation)
        : Some.Mix();
}
