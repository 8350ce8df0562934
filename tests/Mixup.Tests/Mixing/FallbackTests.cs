namespace TorchSharp.Mixup.Tests;

/// <summary>The kernel where a native function is not found. Switches stand for that here.</summary>
public sealed class FallbackTests : IDisposable
{
    private const string DotNetThreads = "TorchSharp.Mixup.UseDotNetThreads";
    private const string FreshMemory = "TorchSharp.Mixup.UseFreshMemory";

    public static TheoryData<ScalarType> Floating => KernelTests.Floating;

    public void Dispose()
    {
        AppContext.SetSwitch(DotNetThreads, false);
        AppContext.SetSwitch(FreshMemory, false);
    }

    [Theory]
    [MemberData(nameof(Floating))]
    public void WithoutGnuOpenMPTheThreadsAreThoseOfDotNet(ScalarType dtype)
    {
        AppContext.SetSwitch(DotNetThreads, true); // Windows and macOS
        var tests = new KernelTests();
        tests.InPlaceIsTheSameForAnyPermutation(dtype);
        tests.TwoOutputsAreBothWholeInEveryLayout(dtype);
        KernelTests.SampleStretches(dtype, 8);
    }

    [Theory]
    [MemberData(nameof(Floating))]
    public void WithoutTheEntryPointMemoryIsFresh(ScalarType dtype)
    {
        AppContext.SetSwitch(FreshMemory, true); // another version of TorchSharp
        using var scope = NewDisposeScope();
        var mix = Some.Mix();
        var x = Some.Normal(1, dtype, 5, 40_000);
        var before = MixupMemory.UsedBytes + MixupMemory.IdleBytes;
        var blended = mix.Blend(x);
        Assert.True(MixupMemory.UsedBytes + MixupMemory.IdleBytes <= before);
        AppContext.SetSwitch(FreshMemory, false);
        Some.AssertEqual(blended, mix.Blend(x));
        AppContext.SetSwitch(FreshMemory, true);
        new KernelTests().TwoOutputsAreBothWholeInEveryLayout(dtype);
    }
}
