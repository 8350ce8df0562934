using TorchSharp.Mixup.Training;
using static TorchSharp.torch.nn;

namespace TorchSharp.Mixup.Pictures.Tests;

public sealed class TensorBoardTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("mixup").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheFirstBatchOfEveryEpochBecomesAnImageSummary(bool overwrites)
    {
        using var scope = NewDisposeScope();
        var (images, classes) = (rand(12, 1, 6, 6), Some.Classes(1, 3, 12));
        var log = new TensorBoardLog(folder);
        var shown = new List<(int Epoch, byte[] Pixels)>();
        using var model = Sequential(Flatten(), Linear(36, 3)).to(Some.Device);
        using var optimizer = optim.SGD(model.parameters(), 0.1);
        using var loss = CrossEntropyLoss();
        var mixup = new MixupCallback(new InputMixup(new MixupOptions { Method = new CutMix(), Seed = 1 }) { OverwriteInput = overwrites })
        {
            FirstBatch = (mix, input, epoch) =>
            {
                Some.AssertEqual(images.narrow(0, 0, 4).to(Some.Device), input);
                using var picture = mix.Picture(input).ToTensor();
                shown.Add((epoch, picture.data<byte>().ToArray()));
                log.AddImage("mixed batch", picture, epoch);
            },
        };
        var learner = new Learner(model, loss, optimizer, device: Some.Device, callbacks: [mixup, log]);
        // Made anew for every epoch.
        var batches = Enumerable.Range(0, 3).Select(i => (images.narrow(0, 4 * i, 4).clone(), classes.narrow(0, 4 * i, 4)));
        learner.Fit(batches, batches, epochs: 2);

        Assert.Equal([0, 1], shown.Select(picture => picture.Epoch));
        var file = File.ReadAllBytes(Assert.Single(Directory.GetFiles(folder)));
        Assert.Contains("mixed batch", System.Text.Encoding.Latin1.GetString(file), StringComparison.Ordinal);
        ReadOnlySpan<byte> signature = [0x89, (byte)'P', (byte)'N', (byte)'G'];
        var start = file.AsSpan().IndexOf(signature);
        Assert.Equal(shown[0].Pixels, new Decoded(file[start..]).Planes);
        Assert.Equal(shown[1].Pixels, new Decoded(file[(start + 4 + file.AsSpan(start + 4).IndexOf(signature))..]).Planes);
    }

    [Fact]
    public void WhatIsNoImageIsRefused()
    {
        using var scope = NewDisposeScope();
        var log = new TensorBoardLog(folder);
        Tensor[] images = [zeros(3, 4, 4), zeros(3, 4, ScalarType.Byte), zeros(2, 4, 4, ScalarType.Byte), zeros(3, 0, 4, ScalarType.Byte)];
        foreach (var image in images)
        {
            var error = Assert.Throws<ArgumentException>(() => log.AddImage("x", image, 0));
            Assert.Contains("expected bytes [3, H, W]", error.Message, StringComparison.OrdinalIgnoreCase);
        }

        Assert.Throws<ArgumentException>(() => log.AddImage(string.Empty, zeros(3, 4, 4, ScalarType.Byte), 0));
    }
}
