import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator } from '@jupyterlab/translation';

import { LccClient } from './api/client';
import { IdleEvents, ListEvents, WorkEvents } from './api/events';
import type { Feature } from './api/generated';
import { CommandIDs } from './commandIds';
import { addCommands, IN_PALETTE as IDLE_IN_PALETTE } from './commands';
import { EnvironmentActions } from './environments/actions';
import { addWorkCommands, IN_PALETTE } from './environments/commands';
import { WorkFreshness } from './environments/freshness';
import { KernelList } from './environments/kernels';
import { openEnvironmentMenu } from './environments/menu';
import { EnvironmentsModel } from './environments/model';
import { saveFile, SheetHost } from './environments/sheetHost';
import { Workbench } from './environments/workbench';
import { fetchMessages, loadMessages, localeOf } from './i18n/messages';
import { IdleActions } from './idle/actions';
import { Announcer } from './idle/announcer';
import { Disclosure } from './idle/disclosure';
import { OpenDocuments } from './idle/documents';
import { Freshness } from './idle/freshness';
import { openKeepMenu } from './idle/keepMenu';
import { IdleModel } from './idle/model';
import { jupyterNotices } from './idle/notices';
import { PANEL_ID, PanelWidget } from './idle/panelWidget';
import { PresenceReporter } from './idle/presence';
import { WorkSaver } from './idle/saving';
import { ResumeTeller } from './idle/resumeTeller';
import { StatusItem } from './idle/statusItem';
import { StopTeller } from './idle/stopTeller';
import { MACHINE } from './idle/targets';
import { TitleMark } from './idle/titleMark';
import { Warnings } from './idle/warnings';
import { Speech } from './idle/words';
import { JobActions } from './jobs/actions';
import { JobsModel } from './jobs/model';
import { JobTeller } from './jobs/teller';
import { PackageListActions } from './packageLists/actions';
import { addListCommands, IN_PALETTE as LISTS_IN_PALETTE } from './packageLists/commands';
import { DriftTeller } from './packageLists/driftTeller';
import { ListFreshness } from './packageLists/freshness';
import { openListMenu } from './packageLists/menu';
import { PackageListsModel } from './packageLists/model';
import { ListSheetHost } from './packageLists/sheetHost';
import { ListWorkbench } from './packageLists/workbench';
import { readSettings, type ILccSettings } from './settings';
import { ILcc, ILccLists, ILccWork } from './tokens';
import { VERSION } from './version';

const core: JupyterFrontEndPlugin<ILcc> = {
  id: 'jupyter-lcc:plugin',
  description: 'Knows what is idle, until when it may run, and why.',
  autoStart: true,
  provides: ILcc,
  optional: [ITranslator, ISettingRegistry],
  activate: async (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    registry: ISettingRegistry | null
  ): Promise<ILcc> => {
    await fetchMessages(translator);
    const client = new LccClient(app.serviceManager.serverSettings);
    const events = new IdleEvents(app.serviceManager.events);
    const model = new IdleModel(client, VERSION);
    const speech = new Speech(loadMessages(translator), localeOf(translator), () => model.skewMs);
    const documents = new OpenDocuments(app.shell);
    const announcer = new Announcer();
    const board = jupyterNotices;
    let settings: ILccSettings = readSettings(null);
    registry
      ?.load(core.id)
      .then(loaded => {
        const read = (): void => {
          settings = readSettings(loaded);
        };
        read();
        loaded.changed.connect(read, model);
      })
      .catch(reason => console.warn('jupyter-lcc: the settings can’t be read, the defaults hold', reason));
    void app.started.then(() => new Freshness(model, events));
    return {
      client,
      events,
      model,
      speech,
      documents,
      announcer,
      board,
      actions: new IdleActions(model, speech, board, announcer, documents, app.commands),
      disclosure: new Disclosure(),
      settings: () => settings
    };
  }
};

const commands: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lcc:commands',
  description: 'Everything the panel can do, as commands.',
  autoStart: true,
  requires: [ILcc],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    lcc: ILcc,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    addCommands(app.commands, { ...lcc, shell: app.shell });
    const category = loadMessages(translator).__('Life cycle');
    const { shutDownAll, shutDown } = CommandIDs;
    IDLE_IN_PALETTE.forEach(command => palette?.addItem({ command, category }));
    palette?.addItem({ command: shutDown, category });
    palette?.addItem({ command: shutDown, category, args: { target_id: MACHINE } });
    for (const kind of ['kernel', 'terminal']) {
      palette?.addItem({ command: shutDownAll, category, args: { kind } });
    }
  }
};

const environments: JupyterFrontEndPlugin<ILccWork> = {
  id: 'jupyter-lcc:environments',
  description: 'Environments as kernels, and the long work that makes and changes them.',
  autoStart: true,
  requires: [ILcc],
  optional: [ICommandPalette, ITranslator],
  provides: ILccWork,
  activate: (
    app: JupyterFrontEnd,
    lcc: ILcc,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): ILccWork => {
    const { client, model, speech, board, announcer, disclosure } = lcc;
    const { kernelspecs } = app.serviceManager;
    const openPanel = (): void => app.shell.activateById(PANEL_ID);
    const feature = (): Feature | null => model.state.about?.features['environments'] ?? null;
    const jobs = new JobsModel(client);
    const list = new EnvironmentsModel(client, job => jobs.adopt(job));
    const workbench = new Workbench();
    const environmentActions = new EnvironmentActions({
      environments: list,
      workbench,
      disclosure,
      kernels: new KernelList(list, kernelspecs),
      speech,
      board,
      commands: app.commands,
      openPanel,
      save: saveFile
    });
    const jobActions = new JobActions(jobs, speech, board);
    const work = { jobs, jobActions, environments: list, environmentActions, workbench };
    new JobTeller({
      jobs,
      speech,
      board,
      announcer,
      isOn: () => lcc.settings().notifications,
      openNotebook: kernel => void environmentActions.openNotebook(kernel),
      undoDelete: trashId => void environmentActions.restore(trashId),
      showLog: jobId => void app.commands.execute(CommandIDs.showJobs, { job_id: jobId }),
      showBoth: jobId => void app.commands.execute(CommandIDs.mergePackageList, { job_id: jobId }),
      showSync: name => void app.commands.execute(CommandIDs.syncPackageList, { name })
    });
    new SheetHost({
      work,
      speech,
      feature: () => feature() ?? { available: true, why_not: null },
      onBegun: openPanel
    });
    addWorkCommands(app.commands, { work, disclosure, speech, feature, openPanel });
    const category = loadMessages(translator).__('Environments');
    IN_PALETTE.forEach(command => palette?.addItem({ command, category }));
    const { events, kernels } = app.serviceManager;
    void app.started.then(
      () => new WorkFreshness(jobs, list, new WorkEvents(events), kernels.runningChanged)
    );
    return work;
  }
};

const packageLists: JupyterFrontEndPlugin<ILccLists> = {
  id: 'jupyter-lcc:package-lists',
  description: 'Environments that equal a list which many machines share.',
  autoStart: true,
  requires: [ILcc, ILccWork],
  optional: [ICommandPalette, ITranslator],
  provides: ILccLists,
  activate: (
    app: JupyterFrontEnd,
    lcc: ILcc,
    work: ILccWork,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): ILccLists => {
    const { client, model, speech, board, disclosure } = lcc;
    const { jobs } = work;
    const openPanel = (): void => app.shell.activateById(PANEL_ID);
    const lists = new PackageListsModel(client, jobs);
    const workbench = new ListWorkbench();
    const actions = new PackageListActions({
      model: lists,
      workbench,
      disclosure,
      speech,
      board,
      openPanel
    });
    const all = { model: lists, actions, workbench };
    new ListSheetHost({ lists: all, work, speech, now: () => model.now(), onBegun: openPanel });
    addListCommands(app.commands, {
      lists: all,
      jobs,
      speech,
      feature: () => model.state.about?.features['package_lists'] ?? null
    });
    const category = loadMessages(translator).__('Package lists');
    LISTS_IN_PALETTE.forEach(command => palette?.addItem({ command, category }));
    const { events } = app.serviceManager;
    void app.started.then(() => {
      const news = new ListEvents(events);
      new ListFreshness(lists, news, jobs);
      new DriftTeller({
        events: news,
        speech,
        board,
        isOn: () => lcc.settings().notifications,
        showSync: name => actions.openSync(name)
      });
    });
    return all;
  }
};

const panel: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lcc:panel',
  description: 'The Life cycle panel in the left sidebar.',
  autoStart: true,
  requires: [ILcc, ILccWork, ILccLists],
  optional: [ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    lcc: ILcc,
    work: ILccWork,
    lists: ILccLists,
    restorer: ILayoutRestorer | null
  ): void => {
    const widget = new PanelWidget({
      ...lcc,
      work,
      lists,
      version: VERSION,
      onEnvironmentMenu: (environment, anchor) => openEnvironmentMenu(app.commands, environment, anchor),
      onListMenu: (name, anchor) => openListMenu(app.commands, name, anchor),
      onKeepMenu: (target, anchor) => {
        const longest = lcc.model.state.view?.policy.max_lease_seconds.value ?? 0;
        openKeepMenu(app.commands, target, longest, anchor);
      }
    });
    app.shell.add(widget, 'left', { rank: 550, type: 'Life cycle' });
    restorer?.add(widget, PANEL_ID);
  }
};

const statusBar: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lcc:status-bar',
  description: 'The next shutdown, in the status bar.',
  autoStart: true,
  requires: [ILcc],
  optional: [IStatusBar],
  activate: (app: JupyterFrontEnd, lcc: ILcc, bar: IStatusBar | null): void => {
    bar?.registerStatusItem('jupyter-lcc:status', {
      item: new StatusItem({
        model: lcc.model,
        speech: lcc.speech,
        onOpen: () => app.shell.activateById(PANEL_ID)
      }),
      align: 'left',
      rank: 3,
      isActive: () => lcc.settings().statusBar,
      activeStateChanged: lcc.model.stateChanged
    });
  }
};

const warnings: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lcc:warnings',
  description: 'Warns before a shutdown, tells of it afterwards, and tells the server that a person is here.',
  autoStart: true,
  requires: [ILcc],
  activate: (app: JupyterFrontEnd, lcc: ILcc): void => {
    const { actions, client, documents, events, model, speech } = lcc;
    const saver = new WorkSaver({
      documentsOf: targetId => documents.of(targetId),
      report: report => client.reportSave(report),
      failureChanged: () => shown.update(),
      words: {
        readOnly: speech.trans.__('It is read-only.'),
        tooLong: speech.trans.__('Saving takes long, or waits for an answer.')
      }
    });
    events.received.connect((_, { kind, targetId }) => {
      if (kind === 'save' && targetId !== null) {
        void saver.asked(targetId);
      }
    });
    const shown = new Warnings({
      ...lcc,
      saver,
      titleMark: new TitleMark(),
      shutDown: targetId => lcc.actions.shutDown(targetId)
    });
    new StopTeller(model, speech, lcc.board, () => lcc.settings().notifications);
    new ResumeTeller({
      model,
      speech,
      board: lcc.board,
      isOn: () => lcc.settings().notifications,
      isHidden: () => document.hidden,
      canReopen: stopped => actions.reopenable(stopped).length > 0,
      show: () => app.shell.activateById(PANEL_ID),
      reopen: stopped => void actions.reopen(stopped)
    });
    new PresenceReporter({
      document,
      targetAt: node => documents.at(node),
      isWarned: targetId => shown.isWarned(targetId),
      report: targetIds => client.presence({ target_ids: targetIds })
    });
  }
};

export default [core, commands, environments, packageLists, panel, statusBar, warnings];
