import '../../../style/panel.css';
import '../../../style/environments.css';

export { EnvironmentsSection } from './section';
export { JobsSection } from './jobsSection';
export { Sheets } from './sheets';
