#if !NET9_0_OR_GREATER
namespace System.Runtime.CompilerServices;

/// <summary>Tells the compiler which overload to prefer. The compiler finds the attribute by its name; .NET 8 does not have it.</summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property, Inherited = false)]
internal sealed class OverloadResolutionPriorityAttribute(int priority) : Attribute
{
    public int Priority { get; } = priority;
}
#endif
