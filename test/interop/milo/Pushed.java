import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.milo.opcua.sdk.core.AccessLevel;
import org.eclipse.milo.opcua.sdk.core.Reference;
import org.eclipse.milo.opcua.sdk.server.ManagedNamespaceWithLifecycle;
import org.eclipse.milo.opcua.sdk.server.OpcUaServer;
import org.eclipse.milo.opcua.sdk.server.items.DataItem;
import org.eclipse.milo.opcua.sdk.server.items.MonitoredItem;
import org.eclipse.milo.opcua.sdk.server.nodes.UaVariableNode;
import org.eclipse.milo.opcua.stack.core.NodeIds;
import org.eclipse.milo.opcua.stack.core.types.builtin.DataValue;
import org.eclipse.milo.opcua.stack.core.types.builtin.LocalizedText;
import org.eclipse.milo.opcua.stack.core.types.builtin.NodeId;
import org.eclipse.milo.opcua.stack.core.types.builtin.Variant;

/** An address space whose every change goes to the monitored items at once, so that none falls between two samples. */
abstract class Pushed extends ManagedNamespaceWithLifecycle {
  private final Map<DataItem, NodeId> items = new ConcurrentHashMap<>();

  Pushed(OpcUaServer server, String uri) {
    super(server, uri);
    getLifecycleManager().addStartupTask(this::fill);
  }

  /** Adds what there is. */
  abstract void fill();

  UaVariableNode add(String name, NodeId type, Object value) {
    return add(name, type, value, AccessLevel.READ_ONLY.toArray(AccessLevel[]::new));
  }

  UaVariableNode add(String name, NodeId type, Object value, AccessLevel... access) {
    UaVariableNode node =
        new UaVariableNode.UaVariableNodeBuilder(getNodeContext())
            .setNodeId(newNodeId(name))
            .setAccessLevel(AccessLevel.toValue(access))
            .setUserAccessLevel(AccessLevel.toValue(access))
            .setBrowseName(newQualifiedName(name))
            .setDisplayName(LocalizedText.english(name))
            .setDataType(type)
            .setTypeDefinition(NodeIds.BaseDataVariableType)
            .build();
    node.setValue(new DataValue(Variant.of(value)));
    getNodeManager().addNode(node);
    node.addReference(new Reference(node.getNodeId(), NodeIds.Organizes, NodeIds.ObjectsFolder.expanded(), false));
    return node;
  }

  synchronized void show(UaVariableNode node, DataValue value) {
    node.setValue(value);
    items.forEach((item, id) -> { if (id.equals(node.getNodeId())) item.setValue(value); });
  }

  @Override
  public synchronized void onDataItemsCreated(List<DataItem> created) {
    for (DataItem item : created) {
      NodeId id = item.getReadValueId().getNodeId();
      items.put(item, id);
      getNodeManager().getNode(id).ifPresent(node -> item.setValue(((UaVariableNode) node).getValue()));
    }
  }

  @Override
  public void onDataItemsModified(List<DataItem> modified) {}

  @Override
  public void onDataItemsDeleted(List<DataItem> deleted) {
    deleted.forEach(items::remove);
  }

  @Override
  public void onMonitoringModeChanged(List<MonitoredItem> changed) {}
}
